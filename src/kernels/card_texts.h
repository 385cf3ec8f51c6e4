/* card_texts.h - the texts for graphics cards that belong to no layer, as src/meson.build embeds them; CONVIS_CARD_TEXTS(X)
 * is X of each of their names. */
#ifndef CONVIS_CARD_TEXTS_H
#define CONVIS_CARD_TEXTS_H

#define CONVIS_CARD_TEXTS(X) X(frames) X(blur_card) X(conv_card) X(rf_card) X(formula_steps)

#define CONVIS_CARD_TEXT_DECLARE(id) extern const char *const convis_##id##_source[];
CONVIS_CARD_TEXTS(CONVIS_CARD_TEXT_DECLARE)
#endif

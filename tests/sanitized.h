/* sanitized.h - SANITIZED: 1 in builds with a sanitizer, which slow everything and hold back what was freed. gcc and clang say it each in
 * its way. */
#ifndef SANITIZED_H
#define SANITIZED_H
#if defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#    define SANITIZED 1
#  endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#  define SANITIZED 1
#endif
#ifndef SANITIZED
#  define SANITIZED 0
#endif
#endif

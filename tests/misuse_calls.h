/* misuse_calls.h - a call of every public function of convis.h, fit.h and io.h, in which P(k, value) is its k-th pointer: NULL in turn.
 * misuse_names.py compares this list with the headers. S: it returns a status; Z: an expression that is 0 where a pointer lacks; V:
 * it must just not crash. may: a bit for each pointer that may be NULL; MAY_FAIL. Then how many pointers it has. */
#ifndef MISUSE_CALLS_H
#define MISUSE_CALLS_H
#define CALLS(S, Z, V) \
    Z(convis_version, 0, 0, convis_version() != NULL)                                                                           \
    Z(convis_strerror, 0, 0, convis_strerror(CONVIS_EINVAL) != NULL)                                                            \
    Z(convis_movie_shape, 0, 0, convis_movie_shape(1, 2, 3).dim[CONVIS_Y] == 2)                                                 \
    Z(convis_elements, 0, 0, convis_elements(convis_movie_shape(1, 2, 3)) == 6)                                                 \
    Z(convis_view, 1, 1, convis_view(P(0, w->frames.data), convis_movie_shape(1, 1, 1)).stride[CONVIS_X] == 1)                           \
    Z(convis_slice, 0, 0, convis_slice(w->frames, CONVIS_T, 0, 1).data != NULL)                                                 \
    V(convis_tensor_copy, 0, 0, convis_tensor_copy(w->out, (convis_tensor){ .data = NULL }))                                    \
    S(convis_open, 2, 2, convis_open(P(0, &fresh(w)->context), P(1, "cpu")))                                                    \
    S(convis_open_with, 6, 3, convis_open_with(P(0, &fresh(w)->context), P(1, "cpu"), P(2, &PLAIN)))                            \
    V(convis_close, 1, 1, convis_close(P(0, &w->c)))                                                                            \
    Z(convis_message, 1, 1, convis_message(P(0, w->c)) != NULL)                                                                 \
    S(convis_threads, 0, 1, convis_threads(P(0, w->c), 1))                                                                      \
    Z(convis_thread_count, 0, 1, convis_thread_count(P(0, w->c)) != 0)                                                          \
    Z(convis_device_name, 0, 1, *convis_device_name(P(0, w->c)) != 0)                                                           \
    S(convis_on_progress, 6, 3, convis_on_progress(P(0, w->c), P(1, never), P(2, w)))                                           \
    S(convis_on_log, 6, 3, convis_on_log(P(0, w->c), P(1, note), P(2, w)))                                                      \
    Z(convis_isa, 1, 1, convis_isa(0, P(0, &some.number)) != NULL)                                                              \
    Z(convis_device_list, 0, 1, convis_device_list(0, P(0, &some.device)))                                                      \
    Z(convis_part_list, 0, 1, convis_part_list(0, P(0, &some.optional)))                                                        \
    S(convis_model_new, 0, 2, convis_model_new(P(0, w->c), 0.01, P(1, &fresh(w)->model)))                                       \
    V(convis_model_free, 1, 1, convis_model_free(P(0, &w->whole)))                                                              \
    Z(convis_input, 0, 1, convis_input(P(0, w->new)).id == 0)                                                                   \
    S(convis_add_input, 0, 3, convis_add_input(P(0, w->new), P(1, "more"), convis_movie_shape(1, 1, 1), P(2, &some.node)))      \
    S(convis_name_input, 0, 2, convis_name_input(P(0, w->new), P(1, "film")))                                                   \
    Z(convis_add, 0, 3, convis_add(P(0, fresh_model(w)), P(1, type_named("lowpass")), P(2, "a"), (convis_node){ 0 }).id > 0)    \
    Z(convis_join, 0, 4, convis_join(P(0, fresh_model(w)), P(1, type_named("sum")), P(2, "a"), P(3, EDGES), 2).id > 0)          \
    V(convis_connect, 0, 1, convis_connect(P(0, w->built), (convis_node){ 1 }, 0, (convis_edge){ { 0 }, 0 }))                   \
    V(convis_alias, 0, 3, convis_alias(P(0, fresh_model(w)), P(1, "other"), P(2, "low")))                                       \
    Z(convis_node_named, 0, 2, convis_node_named(P(0, w->built), P(1, "low")).id > 0)                                           \
    Z(convis_insert, 0, 3, convis_insert(P(0, fresh_model(w)), P(1, w->recipe), P(2, "in"), (convis_node){ 0 }, SIDE,           \
      SIDE).id > 0)                                                                                                             \
    Z(convis_dt, 0, 1, convis_dt(P(0, w->built)) > 0)                                                                           \
    Z(convis_model_context, 0, 1, convis_model_context(P(0, w->built)) != NULL)                                                 \
    Z(convis_layer_types, 0, 0, convis_layer_types() != NULL)                                                                   \
    Z(convis_layer_type_named, 0, 1, convis_layer_type_named(P(0, "lowpass")) != NULL)                                          \
    S(convis_allow_code, 0, 1, convis_allow_code(P(0, w->c), 0))                                                                \
    S(convis_layer_type_open, MAY_FAIL, 3, convis_layer_type_open(P(0, w->c), P(1, "./none.c"), P(2, &some.type)))              \
    Z(convis_layer_type_list, 0, 2, convis_layer_type_list(P(0, type_named("lowpass")), CONVIS_PARAMETER, 0, P(1, &some.item))) \
    V(convis_layer_type_equation, 0, 2, convis_layer_type_equation(P(0, type_named("lowpass")), 0, P(1, some.letters), 9))      \
    Z(convis_format_list, 0, 1, convis_format_list(0, P(0, &some.format)))                                                      \
    S(convis_probe, 0, 2, convis_probe(P(0, w->built), P(1, "low")))                                                            \
    S(convis_plan, 0, 1, convis_plan(P(0, w->built), convis_movie_shape(FRAMES, SIDE, SIDE)))                                   \
    Z(convis_chunk, 0, 1, convis_chunk(P(0, w->whole)) > 0)                                                                     \
    Z(convis_device_bytes, 0, 1, convis_device_bytes(P(0, w->whole)) == 0 && nulled < 0)                                        \
    S(convis_set, 0, 2, convis_set(P(0, w->built), P(1, "low.tau"), 0.02))                                                      \
    S(convis_get, 0, 3, convis_get(P(0, w->built), P(1, "low.tau"), P(2, &some.real)))                                          \
    S(convis_set_array, 0, 3, convis_set_array(P(0, w->built), P(1, "filter.weights"), P(2, some.reals), 3))                    \
    S(convis_get_array, 0, 3, convis_get_array(P(0, w->whole), P(1, "filter.weights"), P(2, some.reals), 3))                    \
    S(convis_set_initialiser, 0, 3, convis_set_initialiser(P(0, w->built), P(1, "filter.weights"), P(2, "gaussian?sigma=1")))   \
    S(convis_set_text, 0, 3, convis_set_text(P(0, w->built), P(1, "expr.formula"), P(2, "2*in")))                               \
    Z(convis_get_text, 0, 2, convis_get_text(P(0, w->built), P(1, "expr.formula")) != NULL)                                     \
    S(convis_parameters_save, 0, 2, convis_parameters_save(P(0, w->built), P(1, in_folder("out"))))                             \
    S(convis_parameters_load, 0, 2, convis_parameters_load(P(0, w->built), P(1, in_folder("parameters"))))                      \
    S(convis_parameters_parse, 0, 3, convis_parameters_parse(P(0, w->built), P(1, "lines"), P(2, "low.tau 0.02")))              \
    Z(convis_list, 0, 2, convis_list(P(0, w->built), CONVIS_LAYER, 0, P(1, &some.item)))                                        \
    S(convis_run, 0, 1, convis_run(P(0, w->whole), w->frames))                                                                  \
    S(convis_give, 0, 2, convis_give(P(0, joined(w)), P(1, "more"), convis_view(some.frame, convis_movie_shape(FRAMES, 1, 1)))) \
    S(convis_allow_nonfinite, 0, 1, convis_allow_nonfinite(P(0, w->whole), 1))                                                  \
    S(convis_nonfinite, 4, 3, convis_nonfinite(P(0, w->whole), P(1, &some.count), P(2, &some.name)))                            \
    S(convis_unprobe, 0, 2, convis_unprobe(P(0, w->built), P(1, "low")))                                                        \
    S(convis_unplan, 0, 1, convis_unplan(P(0, w->whole)))                                                                       \
    Z(convis_memory_view, 1, 1, convis_memory_view(P(0, some.bytes), CONVIS_UINT8, convis_movie_shape(1, 2, 3)).stride[CONVIS_Y] == 3) \
    S(convis_run_memory, 0, 2, convis_run_memory(P(0, w->whole), P(1, memory_of(w->frames))))                                   \
    S(convis_give_memory, 0, 3, convis_give_memory(P(0, joined(w)), P(1, "more"), P(2, memory_of(one_pixel()))))                \
    S(convis_output_to, 4, 3, convis_output_to(P(0, w->whole), P(1, "low"), P(2, memory_of(w->frames))))                        \
    S(convis_recording_from, 0, 3, convis_recording_from(P(0, w->c), P(1, &SOURCE), P(2, &fresh(w)->recording)))                \
    S(convis_bptt_new, 0, 3, convis_bptt_new(P(0, w->whole), P(1, &BPTT), P(2, &fresh(w)->bptt)))                               \
    V(convis_bptt_free, 1, 1, convis_bptt_free(P(0, &w->bptt)))                                                                 \
    S(convis_bptt_run, 0, 1, convis_bptt_run(P(0, w->bptt), 0, FRAMES))                                                         \
    S(convis_bptt_backpropagate, 0, 1, convis_bptt_backpropagate(P(0, ran(w))))                                                 \
    S(convis_output, 0, 3, convis_output(P(0, w->whole), P(1, "low"), P(2, &some.tensor)))                                      \
    S(convis_output_shape, 0, 3, convis_output_shape(P(0, w->whole), P(1, "low"), P(2, &some.shape)))                           \
    Z(convis_output_name, 0, 1, *convis_output_name(P(0, w->whole)) != 0)                                                       \
    V(convis_method, 0, 1, (void)convis_method(P(0, w->whole), 0))                                                              \
    Z(convis_frame, 0, 1, convis_frame(P(0, w->whole)) > 0)                                                                     \
    S(convis_seed, 0, 1, convis_seed(P(0, w->whole), 7))                                                                        \
    Z(convis_seed_of, 0, 1, convis_seed_of(P(0, w->whole)) == 3)                                                                \
    S(convis_require_gradient, 0, 2, convis_require_gradient(P(0, w->built), P(1, "low")))                                      \
    S(convis_vjp_from, 0, 2, convis_vjp_from(P(0, w->whole), P(1, "low"), w->out))                                              \
    S(convis_vjp, 2, 2, convis_vjp(P(0, w->whole), P(1, &w->frames)))                                                           \
    S(convis_vjp_input, 4, 3, convis_vjp_input(P(0, w->whole), P(1, "input"), P(2, &w->frames)))                                \
    S(convis_vjp_baseline, MAY_FAIL, 1, convis_vjp_baseline(P(0, w->whole)))                                                           \
    S(convis_grad, 0, 3, convis_grad(P(0, w->whole), P(1, "low.tau"), P(2, &some.real), 1))                                     \
    S(convis_grad_zero, 0, 1, convis_grad_zero(P(0, w->whole)))                                                                 \
    S(convis_vjp_truncate, 0, 1, convis_vjp_truncate(P(0, w->whole)))                                                           \
    S(convis_baseline, 0, 1, convis_baseline(P(0, w->whole), 0.5))                                                              \
    S(convis_input_baseline, 0, 2, convis_input_baseline(P(0, w->whole), P(1, "input"), 0.5))                                   \
    S(convis_reset, 0, 1, convis_reset(P(0, w->whole)))                                                                         \
    S(convis_settle, 0, 1, convis_settle(P(0, settled(w)), w->frames, 2))                                                       \
    S(convis_push, 0, 1, convis_push(P(0, w->whole)))                                                                           \
    S(convis_pop, 0, 1, convis_pop(P(0, pushed(w))))                                                                            \
    Z(convis_state_size, 0, 1, convis_state_size(P(0, w->whole)) > 0)                                                           \
    S(convis_state_get, 0, 2, convis_state_get(P(0, w->whole), P(1, some.bytes)))                                               \
    S(convis_state_put, 0, 2, convis_state_put(P(0, w->whole), P(1, some.bytes), convis_state_size(w->whole)))                  \
    S(convis_state_save, 0, 2, convis_state_save(P(0, w->whole), P(1, in_folder("out"))))                                       \
    S(convis_state_load, 0, 2, convis_state_load(P(0, w->whole), P(1, in_folder("state"))))                                     \
    S(convis_cells, 0, 3, convis_cells(P(0, w->whole), P(1, &some.cells), P(2, &some.count)))                                   \
    S(convis_record_spikes, 0, 1, convis_record_spikes(P(0, w->built), 1))                                                      \
    S(convis_spikes, 0, 3, convis_spikes(P(0, w->whole), P(1, &some.spikes), P(2, &some.count)))                                \
    S(convis_recipe_open, 0, 3, convis_recipe_open(P(0, w->c), P(1, "L"), P(2, &fresh(w)->recipe)))                             \
    S(convis_recipe_read, 0, 4, convis_recipe_read(P(0, w->c), P(1, "text"), P(2, YAML), strlen(YAML), P(3, &fresh(w)->recipe)))\
    S(convis_recipe_copy, 0, 2, convis_recipe_copy(P(0, w->recipe), P(1, &fresh(w)->recipe)))                                   \
    S(convis_model_copy, 0, 2, convis_model_copy(P(0, w->whole), P(1, &fresh(w)->model)))                                       \
    S(convis_recipe_of_model, 0, 2, convis_recipe_of_model(P(0, w->whole), P(1, &fresh(w)->recipe)))                            \
    S(convis_recipe_new, 0, 2, convis_recipe_new(P(0, w->c), 0.01, P(1, &fresh(w)->recipe)))                                    \
    S(convis_recipe_add_layer, 8, 4, convis_recipe_add_layer(P(0, w->recipe), P(1, "lowpass"), P(2, "after"), P(3, FROM), 1))   \
    S(convis_recipe_add_model, 8, 4, convis_recipe_add_model(P(0, w->recipe), P(1, w->recipe), P(2, "inner"), P(3, FROM), 1))   \
    S(convis_recipe_add_input, 0, 2, convis_recipe_add_input(P(0, w->recipe), P(1, "more"), (convis_shape){ { 1, 1, 1, 1,       \
      1 } }))                                                                                                                   \
    Z(convis_recipe_input, 0, 3, convis_recipe_input(P(0, w->recipe), 0, P(1, &some.name), P(2, &some.shape)))                  \
    S(convis_recipe_output, 2, 2, convis_recipe_output(P(0, w->recipe), P(1, "low")))                                           \
    V(convis_recipe_chosen, 0, 1, (void)convis_recipe_chosen(P(0, w->recipe)))                                                  \
    V(convis_recipe_free, 1, 1, convis_recipe_free(P(0, &w->recipe)))                                                           \
    Z(convis_recipe_name, 1, 1, convis_recipe_name(0, P(0, &some.name)) != NULL)                                                \
    S(convis_recipe_set, 0, 3, convis_recipe_set(P(0, w->recipe), P(1, "low.tau"), P(2, "0.02")))                               \
    S(convis_recipe_get, 0, 3, convis_recipe_get(P(0, w->recipe), P(1, "low.tau"), P(2, some.letters), sizeof some.letters))    \
    Z(convis_recipe_list, 0, 2, convis_recipe_list(P(0, w->retina), 0, P(1, &some.setting)))                                    \
    S(convis_recipe_cells, 0, 2, convis_recipe_cells(P(0, w->retina), P(1, w->cells), CELLS))                                   \
    S(convis_recipe_build, 0, 2, convis_recipe_build(P(0, w->recipe), SIDE, SIDE, P(1, &fresh(w)->model)))                      \
    S(convis_recipe_save, 0, 2, convis_recipe_save(P(0, w->recipe), P(1, in_folder("out.yaml"))))                               \
    S(convis_recipe_add_parameters, 0, 2, convis_recipe_add_parameters(P(0, w->recipe), P(1, "low.tau 0.02")))                  \
    S(convis_recipe_load_parameters, 0, 2, convis_recipe_load_parameters(P(0, w->recipe), P(1, in_folder("line"))))             \
    V(convis_recipe_parameters, 0, 1, (void)convis_recipe_parameters(P(0, w->recipe)))                                          \
    S(convis_recipe_text, 0, 2, convis_recipe_text(P(0, w->recipe), P(1, &fresh(w)->text)))                                     \
    S(convis_recipe_yaml, 0, 2, convis_recipe_yaml(P(0, w->recipe), P(1, &fresh(w)->text)))                                     \
    S(convis_recipe_xml, 0, 2, convis_recipe_xml(P(0, w->retina), P(1, &fresh(w)->text)))                                       \
    V(convis_recipe_text_free, 3, 2, convis_recipe_text_free(P(0, w->recipe), P(1, &w->text)))                                  \
    V(convis_recipe_warning, 0, 1, (void)convis_recipe_warning(P(0, w->recipe), 0))                                             \
    S(convis_model_yaml, 0, 2, convis_model_yaml(P(0, w->whole), P(1, &fresh(w)->text)))                                        \
    V(convis_model_yaml_free, 3, 2, convis_model_yaml_free(P(0, w->whole), P(1, &w->text)))                                     \
    S(convis_model_save, 0, 4, convis_model_save(P(0, w->recipe), P(1, w->fitted), P(2, in_folder("out.h5")), P(3,              \
      ATTACHED), 1))                                                                                                            \
    S(convis_model_resume, 0, 2, convis_model_resume(P(0, w->whole), P(1, in_folder("saved.h5"))))                              \
    S(convis_model_attached, 0, 5, convis_model_attached(P(0, w->c), P(1, in_folder("saved.h5")), P(2, "note"), 't', P(3,       \
      some.letters), sizeof some.letters, P(4, &some.size)))                                                                    \
    Z(convis_initialiser_list, 0, 1, convis_initialiser_list(0, P(0, &some.kind)))                                              \
    Z(convis_initialiser_param_list, 0, 2, convis_initialiser_param_list(P(0, "gaussian"), 0, P(1, &some.param)))               \
    S(convis_recording_open, 0, 3, convis_recording_open(P(0, w->c), P(1, recorded_options()), P(2, &fresh(w)->recording)))     \
    V(convis_recording_close, 1, 1, convis_recording_close(P(0, &w->recording)))                                                \
    V(convis_recording_info_get, 0, 2, convis_recording_info_get(P(0, w->recording), P(1, &some.recording_info)))               \
    S(convis_recording_stimulus, 0, 2, convis_recording_stimulus(P(0, w->recording), 0, 2, P(1, some.frame)))                   \
    S(convis_recording_response, 4, 3, convis_recording_response(P(0, w->recording), 0, 1, P(1, some.frame), P(2,               \
      some.frame + 9)))                                                                                                         \
    V(convis_recording_input_list, 0, 2, (void)convis_recording_input_list(P(0, w->recording), 0, P(1, &some.input_info)))      \
    S(convis_recording_input_read, 0, 2, convis_recording_input_read(P(0, with_input(w)), 0, 0, 1, P(1, some.frame)))           \
    Z(convis_loss_list, 1, 1, convis_loss_list(0, P(0, &some.name)) != NULL)                                                    \
    S(convis_loss_evaluate, 80, 7, convis_loss_evaluate(P(0, w->c), P(1, &MSE), P(2, some.frame), P(3, some.frame), P(4,        \
      some.ones), 3, 2, P(5, &some.real), P(6, some.more)))                                                                     \
    S(convis_scores, 18, 6, convis_scores(P(0, w->c), P(1, &SCORE), P(2, some.varied), P(3, some.varied), P(4, some.ones),      \
      2, 20, P(5, some.scores)))                                                                                                \
    S(convis_scores_of_cells, 18, 6, convis_scores_of_cells(P(0, w->c), P(1, &SCORE), P(2, some.varied), P(3, some.varied),     \
      P(4, some.ones), 1, 20, 2, P(5, some.scores)))                                                                            \
    S(convis_sta_of, 4, 4, convis_sta_of(P(0, w->c), P(1, w->recording), P(2, &STA), P(3, &fresh(w)->sta)))                     \
    V(convis_sta_free, 3, 2, convis_sta_free(P(0, w->c), P(1, &w->sta)))                                                        \
    Z(convis_optimizer_list, 3, 2, convis_optimizer_list(0, P(0, &some.name), P(1, &some.number)) != NULL)                      \
    S(convis_optimizer_open, 0, 3, convis_optimizer_open(P(0, w->c), P(1, &ADAM), 2, P(2, &fresh(w)->optimizer)))               \
    V(convis_optimizer_close, 1, 1, convis_optimizer_close(P(0, &w->adam)))                                                     \
    S(convis_optimizer_step, 24, 5, convis_optimizer_step(P(0, w->adam), P(1, some.reals), P(2, some.reals), P(3, LOW),         \
      P(4, HIGH), 1))                                                                                                           \
    S(convis_optimizer_minimize, 116, 8, convis_optimizer_minimize(P(0, w->lbfgs), P(1, bowl), P(2, w), P(3, some.reals),       \
      P(4, LOW), P(5, HIGH), P(6, &MINIMIZE), P(7, &some.real)))                                                                \
    V(convis_optimizer_ended, 0, 1, (void)convis_optimizer_ended(P(0, w->lbfgs)))                                               \
    Z(convis_optimizer_state_size, 0, 1, convis_optimizer_state_size(P(0, w->lbfgs)) > 0)                                       \
    S(convis_optimizer_state_get, 0, 2, convis_optimizer_state_get(P(0, w->adam), P(1, some.bytes)))                            \
    S(convis_optimizer_state_put, 0, 2, convis_optimizer_state_put(P(0, w->adam), P(1, adams_state(w)),                         \
      convis_optimizer_state_size(w->adam)))                                                                                    \
    Z(convis_regularizer_list, 1, 1, convis_regularizer_list(0, P(0, &some.name)) != NULL)                                      \
    S(convis_regularizer_add, 16, 5, convis_regularizer_add(P(0, w->c), P(1, &L2), P(2, some.reals), convis_movie_shape(1,      \
      1, 2), P(3, &some.real), P(4, some.reals + 2)))                                                                           \
    S(convis_parameter_vector_new, 0, 2, convis_parameter_vector_new(P(0, w->whole), P(1, &fresh(w)->vector)))                  \
    V(convis_parameter_vector_free, 1, 1, convis_parameter_vector_free(P(0, &w->vector)))                                       \
    Z(convis_parameter_vector_size, 0, 1, convis_parameter_vector_size(P(0, w->vector)) == 1)                                   \
    Z(convis_parameter_vector_list, 0, 2, convis_parameter_vector_list(P(0, w->vector), 0, P(1, &some.part)))                   \
    V(convis_parameter_vector_bounds, 0, 3, convis_parameter_vector_bounds(P(0, w->vector), P(1, some.reals), P(2, some.reals)))\
    S(convis_parameter_vector_read, 0, 2, convis_parameter_vector_read(P(0, w->vector), P(1, some.reals)))                      \
    S(convis_parameter_vector_write, 0, 2, convis_parameter_vector_write(P(0, w->vector), P(1, ONES)))                          \
    S(convis_parameter_vector_gradient, 0, 2, convis_parameter_vector_gradient(P(0, w->vector), P(1, some.reals)))              \
    S(convis_fit_hessian, 4, 5, convis_fit_hessian(P(0, w->fitted), P(1, w->recording), P(2, &FIT), P(3, ONES), 1, 0,           \
      P(4, some.reals), 1))                                                                                                     \
    S(convis_jvp, 14, 5, convis_jvp(P(0, w->whole), w->frames, P(1, "low"), P(2, ONES), P(3, &w->frames), 0, P(4, some.frame))) \
    S(convis_fit, 12, 4, convis_fit(P(0, w->fitted), P(1, w->recording), P(2, &FIT), P(3, &some.fit)))                          \
    S(convis_fit_objective, 20, 5, convis_fit_objective(P(0, w->fitted), P(1, w->recording), P(2, &FIT), P(3, &some.real),      \
      P(4, some.reals), 1))                                                                                                     \
    S(convis_predict, 4, 4, convis_predict(P(0, w->fitted), P(1, w->recording), P(2, "low"), 4, P(3, some.frame)))              \
    S(convis_synthesize, 10, 4, convis_synthesize(P(0, w->fitted), P(1, &SYNTHESIZE), convis_movie_shape(4, SIDE, SIDE),        \
      P(2, some.frame), P(3, &some.synthesis)))                                                                                 \
    S(convis_gradcheck, 2, 3, convis_gradcheck(P(0, w->fitted), P(1, &GRADCHECK), P(2, &fresh(w)->report)))                     \
    V(convis_gradcheck_free, 3, 2, convis_gradcheck_free(P(0, w->c), P(1, &w->report)))                                         \
    S(convis_movie_open, 4, 4, convis_movie_open(P(0, w->c), P(1, in_folder("stimulus.npy")), P(2, &MOVIE), P(3,                \
      &fresh(w)->movie)))                                                                                                       \
    V(convis_movie_info_get, 0, 2, convis_movie_info_get(P(0, w->movie), P(1, &some.movie_info)))                               \
    S(convis_movie_read, 0, 3, convis_movie_read(P(0, w->movie), P(1, some.frame), 2, P(2, &some.count)))                       \
    Z(convis_movie_view, 2, 2, convis_movie_view(P(0, w->movie), P(1, some.frame), 2).shape.dim[CONVIS_X] == SIDE)              \
    V(convis_movie_close, 1, 1, convis_movie_close(P(0, &w->movie)))                                                            \
    S(convis_array_read, 0, 3, convis_array_read(P(0, w->c), P(1, in_folder("response.npy")), P(2, &fresh(w)->array)))          \
    V(convis_array_free, 1, 1, convis_array_free(P(0, &w->array)))                                                              \
    S(convis_cells_read, 0, 4, convis_cells_read(P(0, w->c), P(1, in_folder("cells.txt")), P(2, &fresh(w)->cells), P(3,         \
      &some.count)))                                                                                                            \
    S(convis_cells_write, 0, 3, convis_cells_write(P(0, w->c), P(1, in_folder("out")), P(2, w->cells), CELLS))                  \
    V(convis_cells_free, 1, 1, convis_cells_free(P(0, &w->cells)))                                                              \
    S(convis_spikes_read, 0, 4, convis_spikes_read(P(0, w->c), P(1, in_folder("spikes.csv")), P(2, &fresh(w)->spikes), P(3,     \
      &some.count)))                                                                                                            \
    V(convis_spikes_free, 1, 1, convis_spikes_free(P(0, &w->spikes)))                                                           \
    V(convis_spikes_seconds, 0, 2, (void)convis_spikes_seconds(P(0, w->c), P(1, in_folder("spikes.csv"))))                      \
    S(convis_spike_writer_open, 8, 5, convis_spike_writer_open(P(0, w->c), P(1, in_folder("out.csv")), P(2, w->cells),          \
      CELLS, P(3, &PROVENANCE), P(4, &fresh(w)->spike_writer)))                                                                 \
    S(convis_spike_writer_write, 0, 2, convis_spike_writer_write(P(0, w->spike_writer), P(1, w->spikes), 1))                    \
    S(convis_spike_writer_close, 1, 1, convis_spike_writer_close(P(0, &w->spike_writer), 1, 0))                                 \
    S(convis_map_writer_open, 8, 5, convis_map_writer_open(P(0, w->c), P(1, in_folder("out.npy")), P(2, "low"),                 \
      convis_movie_shape(1, SIDE, SIDE), P(3, &PROVENANCE), P(4, &fresh(w)->map_writer)))                                       \
    S(convis_map_writer_write, 0, 1, convis_map_writer_write(P(0, w->map_writer), w->frames))                                   \
    S(convis_map_writer_close, 1, 1, convis_map_writer_close(P(0, &w->map_writer), 0))                                          \
    S(convis_plot, 8 | MAY_FAIL, 4, convis_plot(P(0, w->c), P(1, in_folder("spikes.csv")), P(2, in_folder("out.csv")), P(3,     \
      &PLOT)))                                                                                                                  \
    S(convis_reconstruction_open, 20, 6, convis_reconstruction_open(P(0, w->c), P(1, w->cells), CELLS, P(2,                     \
      &RECONSTRUCTION), P(3, sink), P(4, w), P(5, &fresh(w)->reconstruction)))                                                  \
    V(convis_reconstruction_size, 0, 3, convis_reconstruction_size(P(0, w->reconstruction), P(1, &some.count), P(2,             \
      &some.count)))                                                                                                            \
    S(convis_reconstruction_write, 0, 2, convis_reconstruction_write(P(0, w->reconstruction), P(1, w->spikes), 1))              \
    S(convis_reconstruction_close, 1, 1, convis_reconstruction_close(P(0, &w->reconstruction), 0.1))                            \
    Z(convis_stim_list, 0, 1, convis_stim_list(0, P(0, &some.kind)))                                                            \
    Z(convis_stim_param_list, 0, 2, convis_stim_param_list(P(0, "grating"), 0, P(1, &some.param)))
#endif

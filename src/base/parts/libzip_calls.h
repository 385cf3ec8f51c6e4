/* libzip_calls.h - libzip, loaded when it is first needed: after convis_part_need of CONVIS_PART_LIBZIP. See calls.h. */
#ifndef CONVIS_LIBZIP_CALLS_H
#define CONVIS_LIBZIP_CALLS_H
#include "calls.h"
#include <zip.h>

#define CONVIS_LIBZIP_CALLS(X, V) \
    X(zip_close) X(zip_discard) X(zip_error_fini) X(zip_error_init) X(zip_error_init_with_code) X(zip_error_strerror)  \
    X(zip_fclose) X(zip_file_add) X(zip_file_get_error) X(zip_file_set_dostime) X(zip_fopen_index) X(zip_fread)        \
    X(zip_fseek) X(zip_ftell) X(zip_get_name) X(zip_get_num_entries) X(zip_name_locate) X(zip_open)                    \
    X(zip_open_from_source) X(zip_set_file_compression) X(zip_source_filep) X(zip_source_filep_create)                 \
    X(zip_source_free) X(zip_stat_index) X(zip_strerror)
struct convis_libzip { CONVIS_LIBZIP_CALLS(CONVIS_CALL_POINTER, CONVIS_CALL_POINTER) };
extern struct convis_libzip convis_libzip;

#ifndef CONVIS_CALLS_OWN
#define zip_close (*convis_libzip.zip_close)
#define zip_discard (*convis_libzip.zip_discard)
#define zip_error_fini (*convis_libzip.zip_error_fini)
#define zip_error_init (*convis_libzip.zip_error_init)
#define zip_error_init_with_code (*convis_libzip.zip_error_init_with_code)
#define zip_error_strerror (*convis_libzip.zip_error_strerror)
#define zip_fclose (*convis_libzip.zip_fclose)
#define zip_file_add (*convis_libzip.zip_file_add)
#define zip_file_get_error (*convis_libzip.zip_file_get_error)
#define zip_file_set_dostime (*convis_libzip.zip_file_set_dostime)
#define zip_fopen_index (*convis_libzip.zip_fopen_index)
#define zip_fread (*convis_libzip.zip_fread)
#define zip_fseek (*convis_libzip.zip_fseek)
#define zip_ftell (*convis_libzip.zip_ftell)
#define zip_get_name (*convis_libzip.zip_get_name)
#define zip_get_num_entries (*convis_libzip.zip_get_num_entries)
#define zip_name_locate (*convis_libzip.zip_name_locate)
#define zip_open (*convis_libzip.zip_open)
#define zip_open_from_source (*convis_libzip.zip_open_from_source)
#define zip_set_file_compression (*convis_libzip.zip_set_file_compression)
#define zip_source_filep (*convis_libzip.zip_source_filep)
#define zip_source_filep_create (*convis_libzip.zip_source_filep_create)
#define zip_source_free (*convis_libzip.zip_source_free)
#define zip_stat_index (*convis_libzip.zip_stat_index)
#define zip_strerror (*convis_libzip.zip_strerror)
#endif
#endif

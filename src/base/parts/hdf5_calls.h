/* hdf5_calls.h - HDF5, loaded when it is first needed: after convis_part_need of CONVIS_PART_HDF5. See calls.h. */
#ifndef CONVIS_HDF5_CALLS_H
#define CONVIS_HDF5_CALLS_H
#include "calls.h"
#include <hdf5.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

#define CONVIS_HDF5_CALLS(X, V) \
    X(H5Aclose) X(H5Acreate2) X(H5Aexists) X(H5Aget_space) X(H5Aopen) X(H5Aread) X(H5Awrite) X(H5Dclose) X(H5Dcreate2) \
    X(H5Dget_create_plist) X(H5Dget_space) X(H5Dget_type) X(H5Dopen2) X(H5Dread) X(H5Dset_extent) X(H5Dwrite)          \
    X(H5Eclear2) X(H5Eget_auto2) X(H5Eset_auto2) X(H5Ewalk2) X(H5FDregister) X(H5Fclose) X(H5Fcreate) X(H5Fflush)      \
    X(H5Fget_vfd_handle) X(H5Fopen) X(H5Gclose) X(H5Gget_info) X(H5Gopen2) X(H5Iget_type) X(H5Lexists)                 \
    X(H5Lget_name_by_idx) X(H5Oclose) X(H5Oopen) V(H5P_CLS_DATASET_ACCESS_ID_g) V(H5P_CLS_DATASET_CREATE_ID_g)         \
    V(H5P_CLS_FILE_ACCESS_ID_g) V(H5P_CLS_LINK_CREATE_ID_g) X(H5Pclose) X(H5Pcreate) X(H5Pget_chunk) X(H5Pget_layout)  \
    X(H5Pset_chunk) X(H5Pset_chunk_cache) X(H5Pset_create_intermediate_group) X(H5Pset_deflate) X(H5Pset_driver)       \
    X(H5Pset_fill_time) X(H5Pset_shuffle) X(H5Sclose) X(H5Screate) X(H5Screate_simple) X(H5Sget_simple_extent_dims)    \
    X(H5Sget_simple_extent_ndims) X(H5Sget_simple_extent_npoints) X(H5Sget_simple_extent_type) X(H5Sselect_hyperslab)  \
    V(H5T_C_S1_g) V(H5T_NATIVE_DOUBLE_g) V(H5T_NATIVE_FLOAT_g) V(H5T_NATIVE_INT32_g) V(H5T_NATIVE_UCHAR_g)             \
    V(H5T_NATIVE_UINT64_g) X(H5Tclose) X(H5Tcopy) X(H5Tget_class) X(H5Tget_cset) X(H5Tget_native_type) X(H5Tget_sign)  \
    X(H5Tget_size) X(H5Tget_super) X(H5Tis_variable_str) X(H5Tset_cset) X(H5Tset_size) X(H5check_version)              \
    X(H5free_memory) X(H5get_libversion) X(H5open)
struct convis_hdf5 { CONVIS_HDF5_CALLS(CONVIS_CALL_POINTER, CONVIS_CALL_POINTER) };
extern struct convis_hdf5 convis_hdf5;

#ifndef CONVIS_CALLS_OWN
#define H5Aclose (*convis_hdf5.H5Aclose)
#define H5Acreate2 (*convis_hdf5.H5Acreate2)
#define H5Aexists (*convis_hdf5.H5Aexists)
#define H5Aget_space (*convis_hdf5.H5Aget_space)
#define H5Aopen (*convis_hdf5.H5Aopen)
#define H5Aread (*convis_hdf5.H5Aread)
#define H5Awrite (*convis_hdf5.H5Awrite)
#define H5Dclose (*convis_hdf5.H5Dclose)
#define H5Dcreate2 (*convis_hdf5.H5Dcreate2)
#define H5Dget_create_plist (*convis_hdf5.H5Dget_create_plist)
#define H5Dget_space (*convis_hdf5.H5Dget_space)
#define H5Dget_type (*convis_hdf5.H5Dget_type)
#define H5Dopen2 (*convis_hdf5.H5Dopen2)
#define H5Dread (*convis_hdf5.H5Dread)
#define H5Dset_extent (*convis_hdf5.H5Dset_extent)
#define H5Dwrite (*convis_hdf5.H5Dwrite)
#define H5Eclear2 (*convis_hdf5.H5Eclear2)
#define H5Eget_auto2 (*convis_hdf5.H5Eget_auto2)
#define H5Eset_auto2 (*convis_hdf5.H5Eset_auto2)
#define H5Ewalk2 (*convis_hdf5.H5Ewalk2)
#define H5FDregister (*convis_hdf5.H5FDregister)
#define H5Fclose (*convis_hdf5.H5Fclose)
#define H5Fcreate (*convis_hdf5.H5Fcreate)
#define H5Fflush (*convis_hdf5.H5Fflush)
#define H5Fget_vfd_handle (*convis_hdf5.H5Fget_vfd_handle)
#define H5Fopen (*convis_hdf5.H5Fopen)
#define H5Gclose (*convis_hdf5.H5Gclose)
#define H5Gget_info (*convis_hdf5.H5Gget_info)
#define H5Gopen2 (*convis_hdf5.H5Gopen2)
#define H5Iget_type (*convis_hdf5.H5Iget_type)
#define H5Lexists (*convis_hdf5.H5Lexists)
#define H5Lget_name_by_idx (*convis_hdf5.H5Lget_name_by_idx)
#define H5Oclose (*convis_hdf5.H5Oclose)
#define H5Oopen (*convis_hdf5.H5Oopen)
#define H5P_CLS_DATASET_ACCESS_ID_g (*convis_hdf5.H5P_CLS_DATASET_ACCESS_ID_g)
#define H5P_CLS_DATASET_CREATE_ID_g (*convis_hdf5.H5P_CLS_DATASET_CREATE_ID_g)
#define H5P_CLS_FILE_ACCESS_ID_g (*convis_hdf5.H5P_CLS_FILE_ACCESS_ID_g)
#define H5P_CLS_LINK_CREATE_ID_g (*convis_hdf5.H5P_CLS_LINK_CREATE_ID_g)
#define H5Pclose (*convis_hdf5.H5Pclose)
#define H5Pcreate (*convis_hdf5.H5Pcreate)
#define H5Pget_chunk (*convis_hdf5.H5Pget_chunk)
#define H5Pget_layout (*convis_hdf5.H5Pget_layout)
#define H5Pset_chunk (*convis_hdf5.H5Pset_chunk)
#define H5Pset_chunk_cache (*convis_hdf5.H5Pset_chunk_cache)
#define H5Pset_create_intermediate_group (*convis_hdf5.H5Pset_create_intermediate_group)
#define H5Pset_deflate (*convis_hdf5.H5Pset_deflate)
#define H5Pset_driver (*convis_hdf5.H5Pset_driver)
#define H5Pset_fill_time (*convis_hdf5.H5Pset_fill_time)
#define H5Pset_shuffle (*convis_hdf5.H5Pset_shuffle)
#define H5Sclose (*convis_hdf5.H5Sclose)
#define H5Screate (*convis_hdf5.H5Screate)
#define H5Screate_simple (*convis_hdf5.H5Screate_simple)
#define H5Sget_simple_extent_dims (*convis_hdf5.H5Sget_simple_extent_dims)
#define H5Sget_simple_extent_ndims (*convis_hdf5.H5Sget_simple_extent_ndims)
#define H5Sget_simple_extent_npoints (*convis_hdf5.H5Sget_simple_extent_npoints)
#define H5Sget_simple_extent_type (*convis_hdf5.H5Sget_simple_extent_type)
#define H5Sselect_hyperslab (*convis_hdf5.H5Sselect_hyperslab)
#define H5T_C_S1_g (*convis_hdf5.H5T_C_S1_g)
#define H5T_NATIVE_DOUBLE_g (*convis_hdf5.H5T_NATIVE_DOUBLE_g)
#define H5T_NATIVE_FLOAT_g (*convis_hdf5.H5T_NATIVE_FLOAT_g)
#define H5T_NATIVE_INT32_g (*convis_hdf5.H5T_NATIVE_INT32_g)
#define H5T_NATIVE_UCHAR_g (*convis_hdf5.H5T_NATIVE_UCHAR_g)
#define H5T_NATIVE_UINT64_g (*convis_hdf5.H5T_NATIVE_UINT64_g)
#define H5Tclose (*convis_hdf5.H5Tclose)
#define H5Tcopy (*convis_hdf5.H5Tcopy)
#define H5Tget_class (*convis_hdf5.H5Tget_class)
#define H5Tget_cset (*convis_hdf5.H5Tget_cset)
#define H5Tget_native_type (*convis_hdf5.H5Tget_native_type)
#define H5Tget_sign (*convis_hdf5.H5Tget_sign)
#define H5Tget_size (*convis_hdf5.H5Tget_size)
#define H5Tget_super (*convis_hdf5.H5Tget_super)
#define H5Tis_variable_str (*convis_hdf5.H5Tis_variable_str)
#define H5Tset_cset (*convis_hdf5.H5Tset_cset)
#define H5Tset_size (*convis_hdf5.H5Tset_size)
#define H5check_version (*convis_hdf5.H5check_version)
#define H5free_memory (*convis_hdf5.H5free_memory)
#define H5get_libversion (*convis_hdf5.H5get_libversion)
#define H5open (*convis_hdf5.H5open)
#endif
#endif

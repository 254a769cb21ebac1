# LibTorch 2.11 as it lies in the PyTorch wheel, without the wheel's own CMake package (which insists on a
# CUDA toolkit). Looks in GRPO_LIBTORCH, then where scripts/bootstrap puts it.
#
# Targets: libtorch::cpu (torch_cpu, c10), libtorch::cuda (torch_cuda, c10_cuda, cudart) where those lie.
set(_cache "$ENV{XDG_CACHE_HOME}")
if(NOT _cache)
  set(_cache "$ENV{HOME}/.cache")
endif()
if(GRPO_LIBTORCH)
  set(_roots ${GRPO_LIBTORCH})  # one that is named is meant: no falling back to another
else()
  set(_roots ${_cache}/grpo/libtorch-2.11.0/torch)
endif()
find_path(LibTorch_ROOT_DIR include/ATen/ATen.h PATHS ${_roots} NO_DEFAULT_PATH NO_CACHE)

if(LibTorch_ROOT_DIR)
  cmake_path(SET LibTorch_ROOT_DIR NORMALIZE "${LibTorch_ROOT_DIR}")
  string(REGEX REPLACE "/$" "" LibTorch_ROOT_DIR "${LibTorch_ROOT_DIR}")
  file(STRINGS ${LibTorch_ROOT_DIR}/include/torch/headeronly/version.h _numbers
       REGEX "^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX REPLACE "[^0-9]+" "." LibTorch_VERSION "${_numbers}")
  string(REGEX REPLACE "^[.]|[.]$" "" LibTorch_VERSION "${LibTorch_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_ROOT_DIR
  VERSION_VAR LibTorch_VERSION HANDLE_VERSION_RANGE
  REASON_FAILURE_MESSAGE "looked in ${_roots}: run scripts/bootstrap, or set GRPO_LIBTORCH to the torch folder of torch 2.11")

if(LibTorch_FOUND AND NOT TARGET libtorch::cpu)
  set(LibTorch_LIB_DIR ${LibTorch_ROOT_DIR}/lib)
  foreach(_lib c10 torch_cpu c10_cuda torch_cuda)
    if(EXISTS ${LibTorch_LIB_DIR}/lib${_lib}.so)
      add_library(libtorch::${_lib} SHARED IMPORTED)
      set_target_properties(libtorch::${_lib} PROPERTIES
        IMPORTED_LOCATION ${LibTorch_LIB_DIR}/lib${_lib}.so
        INTERFACE_INCLUDE_DIRECTORIES ${LibTorch_ROOT_DIR}/include
        INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${LibTorch_ROOT_DIR}/include)
    endif()
  endforeach()
  add_library(libtorch::cpu INTERFACE IMPORTED)
  # at::parallel_for is a header: it runs on several threads in sources compiled with OpenMP, and on one in others
  # without a word. They share LibTorch's own runtime, so that there is one pool of threads.
  find_library(LibTorch_GOMP NAMES libgomp.so.1 PATHS ${LibTorch_LIB_DIR} NO_DEFAULT_PATH NO_CACHE)
  if(NOT LibTorch_GOMP)
    set(LibTorch_GOMP -fopenmp)
  endif()
  # libtorch_cpu needs small CUDA libraries that only the loader has to find.
  set_target_properties(libtorch::cpu PROPERTIES
    INTERFACE_COMPILE_OPTIONS "$<$<COMPILE_LANGUAGE:CXX>:-fopenmp>"
    INTERFACE_LINK_LIBRARIES "libtorch::torch_cpu;libtorch::c10;${LibTorch_GOMP}"
    # The wheel's include folder brings an fmt of its own (v12), which hides the system's from every source
    # that includes LibTorch; header-only, it needs no library and shares no symbol with the system's.
    INTERFACE_COMPILE_DEFINITIONS FMT_HEADER_ONLY=1
    INTERFACE_LINK_OPTIONS "-Wl,--allow-shlib-undefined")
  if(TARGET libtorch::torch_cuda)
    find_file(LibTorch_CUDART libcudart.so.13
              PATHS ${LibTorch_ROOT_DIR}/../nvidia/cu13/lib /usr/local/cuda/lib64 NO_DEFAULT_PATH NO_CACHE)
    add_library(libtorch::cuda INTERFACE IMPORTED)
    set_target_properties(libtorch::cuda PROPERTIES
      INTERFACE_LINK_LIBRARIES "libtorch::torch_cuda;libtorch::c10_cuda;libtorch::cpu")
    if(LibTorch_CUDART)
      add_library(libtorch::cudart SHARED IMPORTED)
      set_target_properties(libtorch::cudart PROPERTIES IMPORTED_LOCATION ${LibTorch_CUDART})
      set_property(TARGET libtorch::cuda APPEND PROPERTY INTERFACE_LINK_LIBRARIES libtorch::cudart)
    endif()
  endif()
endif()

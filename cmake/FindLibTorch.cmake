# LibTorch 2.11 as it lies in the PyTorch wheel, without the wheel's own CMake package (which insists on a
# CUDA toolkit). Looks in GRPO_LIBTORCH, then where scripts/bootstrap puts it.
#
# Targets: libtorch::cpu (torch_cpu, c10), libtorch::cuda (torch_cuda, c10_cuda) where those libraries lie.
set(_cache "$ENV{XDG_CACHE_HOME}")
if(NOT _cache)
  set(_cache "$ENV{HOME}/.cache")
endif()
find_path(LibTorch_ROOT_DIR include/ATen/ATen.h
          PATHS ${GRPO_LIBTORCH} ${_cache}/grpo/libtorch-2.11.0/torch NO_DEFAULT_PATH NO_CACHE)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_ROOT_DIR
  REASON_FAILURE_MESSAGE "run scripts/bootstrap, or set GRPO_LIBTORCH to the torch folder of torch 2.11.0")

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
  # libtorch_cpu needs small CUDA libraries that only the loader has to find.
  set_target_properties(libtorch::cpu PROPERTIES
    INTERFACE_LINK_LIBRARIES "libtorch::torch_cpu;libtorch::c10"
    INTERFACE_LINK_OPTIONS "-Wl,--allow-shlib-undefined")
  if(TARGET libtorch::torch_cuda)
    add_library(libtorch::cuda INTERFACE IMPORTED)
    set_target_properties(libtorch::cuda PROPERTIES
      INTERFACE_LINK_LIBRARIES "libtorch::torch_cuda;libtorch::c10_cuda;libtorch::cpu")
  endif()
endif()

# grpo_cuda_plugin(SOURCES a.cu ...)
#   libgrpo_cuda.so, everything that names CUDA; the program loads it with dlopen (policy/kernels/plugin.h).
#   Does nothing where there is no nvcc, no CUDA half of LibTorch, or GRPO_CUDA is off.
set(GRPO_CUDA_ARCHITECTURES "90a" CACHE STRING "GPU architectures of the CUDA plug-in")
set(GRPO_HAVE_CUDA FALSE)
if(GRPO_CUDA AND TARGET libtorch::cuda)
  find_program(GRPO_NVCC nvcc HINTS ENV CUDACXX ENV CUDA_HOME ENV CUDA_PATH /usr/local/cuda PATH_SUFFIXES bin)
  if(GRPO_NVCC)
    set(CMAKE_CUDA_COMPILER ${GRPO_NVCC})
    set(CMAKE_CUDA_ARCHITECTURES ${GRPO_CUDA_ARCHITECTURES})
    set(CMAKE_CUDA_RUNTIME_LIBRARY None)  # cudart comes with libtorch::cuda: one copy per process
    enable_language(CUDA)
    find_package(CUDAToolkit REQUIRED)
    set(GRPO_HAVE_CUDA TRUE)
  endif()
endif()
if(GRPO_HAVE_CUDA)
  message(STATUS "CUDA plug-in: nvcc ${CMAKE_CUDA_COMPILER_VERSION}, architectures ${CMAKE_CUDA_ARCHITECTURES}")
else()
  message(STATUS "CUDA plug-in: not built (no nvcc, no CUDA half of LibTorch, or GRPO_CUDA=OFF)")
endif()

function(grpo_cuda_plugin)
  if(NOT GRPO_HAVE_CUDA)
    return()
  endif()
  cmake_parse_arguments(PLUGIN "" "" "SOURCES" ${ARGN})
  add_library(grpo_cuda MODULE ${PLUGIN_SOURCES})
  target_include_directories(grpo_cuda PRIVATE ${CMAKE_SOURCE_DIR})
  string(REPLACE ";" "," _architectures "${CMAKE_CUDA_ARCHITECTURES}")
  target_compile_definitions(grpo_cuda PRIVATE GRPO_CUDA_ARCHITECTURES="${_architectures}")
  target_include_directories(grpo_cuda SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
  target_link_libraries(grpo_cuda PRIVATE libtorch::cuda)
  # Linked by the C++ compiler, which knows the linker options of the other targets. cufile, cusparseLt and
  # nvshmem, which libtorch_cuda names, are only there where torch itself is installed.
  set_target_properties(grpo_cuda PROPERTIES
    LINKER_LANGUAGE CXX
    CUDA_STANDARD 17 CUDA_STANDARD_REQUIRED ON
    INSTALL_RPATH "$ORIGIN")
  target_link_options(grpo_cuda PRIVATE -Wl,--allow-shlib-undefined)
  target_compile_options(grpo_cuda PRIVATE
    $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall --expt-relaxed-constexpr --expt-extended-lambda>)
endfunction()

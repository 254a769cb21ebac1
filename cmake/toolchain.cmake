# Compiler warnings, the fast linker, the compiler cache and the sanitizers, once for every target.
find_program(CCACHE ccache)
if(CCACHE)
  # Without these ccache refuses to cache whatever uses a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${CCACHE})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# A newer compiler warns of more: that must not stop somebody from building.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  set(_known_compiler ON)
else()
  set(_known_compiler OFF)
endif()
option(GRPO_WERROR "Warnings are errors (default: with GCC 12, whose warnings are all dealt with)" ${_known_compiler})
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wall> $<$<COMPILE_LANGUAGE:CXX>:-Wextra>)
if(GRPO_WERROR)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
endif()
if(GRPO_SANITIZE)
  # vptr wants the type information of LibTorch's hidden classes, which the wheel does not export.
  set(_sanitize -fsanitize=${GRPO_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:${_sanitize};-fno-omit-frame-pointer>")
  add_link_options(${_sanitize})
endif()

# What is installed finds the libraries beside it; what is built finds LibTorch where it lies.
set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib")

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

add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wall> $<$<COMPILE_LANGUAGE:CXX>:-Wextra>
                    $<$<COMPILE_LANGUAGE:CXX>:-Werror> $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
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

# Compiler warnings, the fast linker, the compiler cache and the sanitizers, once for every target.
find_program(CCACHE ccache)
if(CCACHE)
  # Without these ccache refuses to cache whatever uses a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${CCACHE})
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
  add_compile_options(-fsanitize=${GRPO_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${GRPO_SANITIZE})
endif()

# grpo_room(NAME SOURCES a.cpp ... DEPS target ... [TORCH])
#   A folder of the project as one static library. TORCH: its sources include LibTorch and share one
#   precompiled header (policy/torch_pch.h), which is what keeps a rebuilt file under half a minute.
function(grpo_room name)
  cmake_parse_arguments(ROOM "TORCH" "" "SOURCES;DEPS" ${ARGN})
  add_library(grpo_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(grpo_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(grpo_${name} PUBLIC ${ROOM_DEPS})
  if(ROOM_TORCH)
    target_link_libraries(grpo_${name} PUBLIC libtorch::cpu)
    target_precompile_headers(grpo_${name} REUSE_FROM grpo_torch_pch)
  endif()
endfunction()

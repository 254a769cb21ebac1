#pragma once
// The installed launcher (cli/launcher.cpp) puts LibTorch in LD_LIBRARY_PATH to start the program. Nothing
// the program starts in turn must see that: a reward in Python would load our LibTorch under its own torch.

#include <cstdlib>

namespace grpo {

// Where the launcher keeps the value that LD_LIBRARY_PATH had before.
inline constexpr const char* kSavedLibraryPath = "GRPO_LD_LIBRARY_PATH_BEFORE";

// Puts LD_LIBRARY_PATH back. The loader has read it already, so this process goes on finding LibTorch. Call
// it first thing in main, while there is one thread; without the launcher it does nothing.
inline void restore_library_path() {
  const char* before = std::getenv(kSavedLibraryPath);
  if (!before) return;
  if (*before) {
    setenv("LD_LIBRARY_PATH", before, 1);
  } else {
    unsetenv("LD_LIBRARY_PATH");
  }
  unsetenv(kSavedLibraryPath);
}

}  // namespace grpo

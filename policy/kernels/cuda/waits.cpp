// A switch for tests and for whoever looks for stalls: while it is on, an operation of LibTorch that makes
// the host wait for the GPU throws instead. A plain C symbol of the plug-in, found by name.

#include <c10/cuda/CUDAFunctions.h>

extern "C" __attribute__((visibility("default"))) void grpo_cuda_refuse_waits(int refuse) {
  using c10::cuda::SyncDebugMode;
  c10::cuda::warning_state().set_sync_debug_mode(refuse ? SyncDebugMode::L_ERROR : SyncDebugMode::L_DISABLED);
}

#pragma once
// The CUDA half of the toolkit, libgrpo_cuda.so: our operators for CUDA tensors, loaded only where a GPU is
// to be used. The program itself links nothing of CUDA and runs anywhere.
//
// LibTorch looks for its CUDA half once, at the first tensor operation or device query, and remembers the
// answer for ever. So both functions belong before all that, in main, while there is one thread.

#include <c10/core/Device.h>

#include <string>

namespace grpo {

// Loads LibTorch's CUDA half and our plug-in: what GRPO_CUDA_PLUGIN names, else libgrpo_cuda.so in ../lib of
// the program's folder or beside it. True: operators run on CUDA tensors from now on. False: `reason` says
// why not in one phrase (no plug-in, no driver, no GPU it was built for, a library that is missing); LibTorch
// then stays as it was. Calling again is harmless.
bool load_cuda_plugin(std::string* reason);

// The device that --device asks for: "cpu"; "cuda", the first GPU of CUDA_VISIBLE_DEVICES; "auto", that GPU
// where it can be used and the CPU elsewhere, `why_not_cuda` then saying why (for a GPU that is there but
// unused must not go unnoticed). Throws Error for another name, and for "cuda" where it cannot be used, with
// the reason.
at::Device choose_device(const std::string& name, std::string* why_not_cuda = nullptr);

}  // namespace grpo

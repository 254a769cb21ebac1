#pragma once
// The operators on the meta device, where tensors have shapes and no numbers: each makes the tensors that it
// would make on the device meant, results and temporaries alike, and computes nothing. See
// policy/memory_meter.h.

#include <c10/core/DeviceType.h>

namespace grpo {

// at::kCPU or at::kCUDA; CUDA unless set.
void set_meta_stands_for(c10::DeviceType device);

}  // namespace grpo

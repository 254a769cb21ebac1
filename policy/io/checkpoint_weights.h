#pragma once
// Streams weights from files into a policy. Where dtype and device agree, bytes are read straight into the
// policy's memory; everything else passes, a slice at a time, through a staging buffer per reading thread
// (page-locked for CUDA): 64 MiB in all, whatever the size of a tensor, a shard or the model. Internal to
// policy/.

#include <optional>
#include <string>
#include <vector>

#include "policy/config.h"
#include "policy/io/checkpoint_sources.h"

namespace grpo {

// Fills each view from its source, as many threads at once as LibTorch computes with. Views must be
// contiguous. `fp8`: the blocks of float8 sources, present if there are any. Throws Error if a file cannot be
// read, and one Error that names every float8 weight whose scales or codes are no numbers, with its file;
// views then hold anything.
void read_weights(const SafetensorsReader& reader, const std::vector<WeightSource>& sources,
                  const std::vector<NamedTensor>& views, const std::optional<Fp8Blocks>& fp8,
                  const std::string& directory);

}  // namespace grpo

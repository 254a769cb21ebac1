#pragma once
// What a stage trains with once loss_type, preset and defaults have said what the stage leaves open: for people who want
// to compare it with a paper or with another program.

#include "core/json.h"
#include "grpo/trainer_options.h"

namespace grpo {

// Every knob of the loss, the advantage and the reference, and whatever else a preset can set, under its name in a recipe
// and with the value that counts; those without effect beside the others are left out. Given to a stage it reads the
// same as `stage_options`, of which `options` was read.
Json loss_knobs(const TrainerOptions& options, const Json& stage_options);

}  // namespace grpo

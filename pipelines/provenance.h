#pragma once
// What a finished stage was made of, for its manifest.

#include "pipelines/recipe.h"

namespace grpo {

// {"recipe_sha256": of OUT/recipe.json, "parents": [{"path", "sha256"}], "data": [{"path", "sha256"}]}.
//
//   data     the files that the stage's "data" and "sets" name, what an earlier stage kept among them; generators are in
//            the recipe. Each once, in the order in which they are named
//   parents  the models that it starts from or looks at, its teacher, the models of its rewards: of an earlier stage the hash
//            of its manifest, which holds those of its files; of any other checkpoint directory that of its config.json.
//            Weights drawn from scratch are no parent
//
// Reads the files. Throws Error for one that cannot be read.
Json provenance(const Recipe& recipe, const StageSpec& spec);

}  // namespace grpo

#pragma once
// How a worker keeps the programs of its slot apart from everything else: with namespaces (tiers T1 and T2), or with
// what is left without them (T3, T4). The worker has one, and does all else the same way in every tier.

#include <cstdint>
#include <memory>
#include <string>

#include "sandbox/box/box.h"
#include "sandbox/box/descriptor.h"
#include "sandbox/runner/slot.h"

namespace grpo {

class Isolation {
 public:
  virtual ~Isolation() = default;

  // Empty files for program `index` (0 or 1) of the next run, bounded in bytes and inodes: the future /box, as a
  // descriptor that openat works below. Throws std::system_error.
  virtual Descriptor make_files(int index, int64_t bytes, int64_t inodes) = 0;

  // What the program has in its files, as far as it can be told: bytes, or more than any limit allows.
  virtual int64_t files_bytes(int index, int folder) const = 0;
  // Nothing of the box is alive, and what was wanted of its files has been read.
  virtual void discard_files([[maybe_unused]] int index) {}

  // A word of the command or the environment of program `index`, where /box is not what the program sees as /box.
  virtual std::string path_for([[maybe_unused]] int index, std::string word) const { return word; }

  // What differs in the plan of program `index`: its user, /proc. Files, pipes, limits, filters are filled in already.
  virtual void complete(int index, BoxPlan& plan) = 0;

  // Starts the program; in the caller only (the program executes, or ends with a BoxReport). start.descriptor becomes
  // readable when nothing of the box is alive any more, and belongs to the caller.
  // All that is passed must stay as it is until then.
  virtual BoxStart start(int index, const BoxPlan& plan, char* const* arguments,
                         char* const* environment) = 0;

  // Ends all that runs in the box of `start`, now. Does not wait.
  virtual void kill(const BoxStart& start) = 0;

  // Whether a warm interpreter can start boxes by fork_box, in place of start().
  virtual bool clones_from_outside() const = 0;

  // Processes beside its own that the kernel counts against a program's limit on processes.
  virtual int64_t uncounted_processes() const = 0;
};

// T1 and T2: namespaces. The calling worker has entered those of its slot and its root.
std::unique_ptr<Isolation> make_namespace_isolation(const SlotSettings& settings);
// T3 and T4: a folder per box, user ids where the worker is root, and Landlock around them. `settings` must outlive it.
// Throws std::system_error.
std::unique_ptr<Isolation> make_host_isolation(const SlotSettings& settings);

}  // namespace grpo

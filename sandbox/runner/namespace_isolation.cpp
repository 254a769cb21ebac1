#include <sys/statfs.h>

#include <csignal>

#include "sandbox/box/kernel.h"
#include "sandbox/box/raw_call.h"
#include "sandbox/box/root.h"
#include "sandbox/runner/isolation.h"

namespace grpo {
namespace {

class NamespaceIsolation final : public Isolation {
 public:
  explicit NamespaceIsolation(const SlotSettings& settings)
      : change_user_(settings.started_by_root), new_proc_(settings.tier == Tier::kT1) {}

  Descriptor make_files(int index, int64_t bytes, int64_t inodes) override {
    return Descriptor(make_files_mount(bytes, inodes, user(index)));
  }

  int64_t files_bytes(int, int folder) const override {
    struct statfs status {};
    if (fstatfs(folder, &status) != 0) return 0;
    return static_cast<int64_t>(status.f_blocks - status.f_bfree) * status.f_bsize;
  }

  void complete(int index, BoxPlan& plan) override {
    plan.user = user(index);
    plan.change_user = change_user_;
    plan.new_proc = new_proc_;
  }

  BoxStart start(int index, const BoxPlan& plan, char* const* arguments, char* const* environment) override {
    return execute_box(plan, arguments, environment, stacks_[index]);
  }

  void kill(const BoxStart& start) override { kernel::pidfd_send_signal(start.descriptor, SIGKILL); }

  bool clones_from_outside() const override { return kRawCalls; }

  // Where user ids cannot be changed, worker and inits (and a warm interpreter) run under the program's.
  int64_t uncounted_processes() const override { return change_user_ ? 0 : 4; }

 private:
  unsigned user(int index) const { return kFirstBoxUser + (change_user_ ? static_cast<unsigned>(index) : 0); }

  bool change_user_;
  bool new_proc_;
  BoxStacks stacks_[2];
};

}  // namespace

std::unique_ptr<Isolation> make_namespace_isolation(const SlotSettings& settings) {
  return std::make_unique<NamespaceIsolation>(settings);
}

}  // namespace grpo

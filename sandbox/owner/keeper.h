#pragma once
// Keeps a runner alive. A thread of its own starts the runner, lets it test itself, hands the slots it makes to the
// queue, and starts it anew when it dies. The same thread for as long as the sandbox lives: the kernel ends the runner
// together with the thread that started it.

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sandbox/owner/runner_process.h"
#include "sandbox/owner/slot_queue.h"
#include "sandbox/sandbox.h"

namespace grpo {

class Keeper {
 public:
  // `options` as resolved; both must outlive the keeper. Returns when the first slot has passed the self-test. Throws
  // Error as Sandbox does.
  Keeper(const SandboxOptions& options, SlotQueue& queue);
  ~Keeper();  // ends the runner and waits for it
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  Tier tier() const { return tier_; }
  const std::string& why() const { return why_; }
  int runner_process() const { return runner_id_; }
  int64_t restarts() const { return restarts_; }
  // After the runner could not be started anew, the queue is closed; this asks for one more attempt (at most one a
  // second is made).
  void try_again();
  // A slot did not answer in time, so that its worker hangs: has the runner kill it, and make the slot anew.
  void replace(int slot);

 private:
  void keep(std::promise<void>& started);
  void start(Tier minimum);
  void introduce(Tier minimum);
  void await_first_slot();
  void send_replacements();
  void serve();                                // until the runner is gone or we end
  bool take_message();                         // false: the runner is gone
  void start_anew();                           // until it runs or we end
  void pause(std::chrono::milliseconds time);  // or until we end

  const SandboxOptions& options_;
  SlotQueue& queue_;
  const std::string runner_path_;
  Tier tier_ = Tier::kT4;  // these two are written before the constructor returns
  std::string why_;
  bool introduced_ = false;  // the thread's own
  std::atomic<int> runner_id_ = -1;
  std::atomic<int64_t> restarts_ = 0;
  std::atomic<bool> ending_ = false;
  RunnerProcess runner_;  // the thread's own
  int wake_ = -1;         // an eventfd
  std::mutex mutex_;
  std::vector<int> to_replace_;  // slots; guarded by mutex_
  std::thread thread_;
};

}  // namespace grpo

#include "sandbox/owner/slot_queue.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>

#include "tests/sandbox/owner/live_sandbox.h"

namespace grpo {
namespace {

// One end of a pair; the other lives until the program ends.
int a_socket() {
  int ends[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  return ends[0];
}

bool is_open(int descriptor) {
  return fcntl(descriptor, F_GETFD) >= 0;
}

// True if this thread of ours waits for something.
bool sleeps(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");  // "id (name) state ..."
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(") ");
  return name_end != std::string::npos && line[name_end + 2] == 'S';
}

// Somebody who waits in a thread of their own.
class Guest {
 public:
  Guest(SlotQueue& queue, int64_t memory_bytes, bool first = false) {
    thread_ = std::thread([this, &queue, memory_bytes, first] {
      id_ = gettid();
      turn_ = queue.enter(memory_bytes, first, why_);
      done_ = true;
    });
    // Guests stand in the order in which they were made, however busy the machine is.
    EXPECT_TRUE(becomes_true([this] { return done_ || sleeps(id_); }, 10'000));
  }
  ~Guest() { thread_.join(); }
  bool waits() {
    sleep_ms(20);
    return !done_;
  }
  const std::optional<SlotQueue::Turn>& turn() {
    EXPECT_TRUE(becomes_true([this] { return done_.load(); }, 5'000));
    return turn_;
  }
  const std::string& why() const { return why_; }

 private:
  std::atomic<pid_t> id_ = 0;
  std::atomic<bool> done_ = false;
  std::optional<SlotQueue::Turn> turn_;
  std::string why_;
  std::thread thread_;
};

TEST(SlotQueue, GivesASlotWithItsSocketAndTakesItBack) {
  SlotQueue queue(1, 100);
  const int socket = a_socket();
  queue.arrive(0, socket);
  std::string why;
  for (int i = 0; i < 3; ++i) {
    const auto turn = queue.enter(10, false, why);
    ASSERT_TRUE(turn);
    EXPECT_EQ(turn->slot, 0);
    EXPECT_EQ(turn->socket, socket);
    queue.leave(*turn, true);
  }
  EXPECT_TRUE(is_open(socket));
}

TEST(SlotQueue, WhoComesFirstIsServedFirst) {
  SlotQueue queue(1, 100);
  queue.arrive(0, a_socket());
  Guest first(queue, 1), second(queue, 1), third(queue, 1);
  ASSERT_TRUE(first.turn());
  EXPECT_TRUE(second.waits());
  EXPECT_TRUE(third.waits());
  queue.leave(*first.turn(), true);
  ASSERT_TRUE(second.turn());
  EXPECT_TRUE(third.waits());
  queue.leave(*second.turn(), true);
  ASSERT_TRUE(third.turn());
  queue.leave(*third.turn(), true);
}

TEST(SlotQueue, TheSumOfMemoryNeverExceedsTheBudget) {
  SlotQueue queue(4, 100);
  for (int i = 0; i < 4; ++i) queue.arrive(i, a_socket());
  Guest half(queue, 50), more(queue, 40), too_much(queue, 20);
  ASSERT_TRUE(half.turn());
  ASSERT_TRUE(more.turn());
  EXPECT_TRUE(too_much.waits());
  queue.leave(*more.turn(), true);
  ASSERT_TRUE(too_much.turn());
  queue.leave(*half.turn(), true);
  queue.leave(*too_much.turn(), true);
}

TEST(SlotQueue, NobodyOvertakesALargeRun) {
  SlotQueue queue(4, 100);
  for (int i = 0; i < 4; ++i) queue.arrive(i, a_socket());
  Guest half(queue, 50), all(queue, 100), small(queue, 1);
  ASSERT_TRUE(half.turn());
  EXPECT_TRUE(all.waits());
  EXPECT_TRUE(small.waits());
  queue.leave(*half.turn(), true);
  ASSERT_TRUE(all.turn());
  EXPECT_TRUE(small.waits());
  queue.leave(*all.turn(), true);
  ASSERT_TRUE(small.turn());
  queue.leave(*small.turn(), true);
}

TEST(SlotQueue, WhoLostTheirTurnGoesFirst) {
  SlotQueue queue(1, 100);
  queue.arrive(0, a_socket());
  Guest running(queue, 1);
  ASSERT_TRUE(running.turn());
  Guest next(queue, 1), again(queue, 1, true);
  queue.leave(*running.turn(), true);
  ASSERT_TRUE(again.turn());
  EXPECT_TRUE(next.waits());
  queue.leave(*again.turn(), true);
  ASSERT_TRUE(next.turn());
  queue.leave(*next.turn(), true);
}

TEST(SlotQueue, ADeadSlotIsOutOfUseUntilItsNewSocketArrives) {
  SlotQueue queue(1, 100);
  const int old_socket = a_socket();
  queue.arrive(0, old_socket);
  std::string why;
  const auto turn = queue.enter(1, false, why);
  queue.leave(*turn, false);
  EXPECT_FALSE(is_open(old_socket));
  EXPECT_TRUE(queue.without_slots_since());
  Guest guest(queue, 1);
  EXPECT_TRUE(guest.waits());
  const int new_socket = a_socket();
  queue.arrive(0, new_socket);
  ASSERT_TRUE(guest.turn());
  EXPECT_EQ(guest.turn()->socket, new_socket);
  EXPECT_FALSE(queue.without_slots_since());
  queue.leave(*guest.turn(), true);
}

TEST(SlotQueue, ASlotThatDiedUnusedIsNotGivenToAnybody) {
  SlotQueue queue(2, 100);
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  const int well = a_socket();
  queue.arrive(0, well);
  queue.arrive(1, ends[0]);  // the last to come free would be the first to be used
  close(ends[1]);
  std::string why;
  const auto turn = queue.enter(1, false, why);
  EXPECT_EQ(turn->socket, well);
  EXPECT_FALSE(is_open(ends[0]));
  queue.leave(*turn, true);
}

TEST(SlotQueue, ANewSocketMayArriveBeforeTheOldOneIsGivenBack) {
  SlotQueue queue(1, 100);
  const int old_socket = a_socket();
  queue.arrive(0, old_socket);
  std::string why;
  const auto turn = queue.enter(1, false, why);
  const int new_socket = a_socket();
  queue.arrive(0, new_socket);
  EXPECT_TRUE(is_open(old_socket));  // it is still somebody's
  queue.leave(*turn, true);
  EXPECT_FALSE(is_open(old_socket));
  const auto next = queue.enter(1, false, why);
  EXPECT_EQ(next->socket, new_socket);
  queue.leave(*next, true);
}

TEST(SlotQueue, ALostRunnersSlotsAreClosedNowOrWhenTheyComeBack) {
  SlotQueue queue(2, 100);
  const int sockets[] = {a_socket(), a_socket()};
  queue.arrive(0, sockets[0]);
  queue.arrive(1, sockets[1]);
  std::string why;
  const auto turn = queue.enter(1, false, why);
  queue.lose_all();
  EXPECT_TRUE(is_open(turn->socket));
  EXPECT_FALSE(is_open(sockets[1 - turn->slot]));
  queue.leave(*turn, true);
  EXPECT_FALSE(is_open(turn->socket));
  EXPECT_TRUE(queue.without_slots_since());
}

TEST(SlotQueue, AClosedQueueTurnsAwayWhoWaitsAndWhoComes) {
  SlotQueue queue(1, 100);
  Guest waiting(queue, 1);
  EXPECT_TRUE(waiting.waits());
  queue.close_with("out of order");
  EXPECT_FALSE(waiting.turn());
  EXPECT_EQ(waiting.why(), "out of order");
  std::string why;
  EXPECT_FALSE(queue.enter(1, false, why));
  queue.close_with("");
  queue.arrive(0, a_socket());
  const auto turn = queue.enter(1, false, why);
  ASSERT_TRUE(turn);
  queue.leave(*turn, true);
}

TEST(SlotQueue, ManyThreadsNeverShareASlotNorExceedTheBudget) {
  constexpr int kSlots = 3;
  SlotQueue queue(kSlots, 100);
  for (int i = 0; i < kSlots; ++i) queue.arrive(i, a_socket());
  std::atomic<int> users[kSlots] = {};
  std::atomic<int64_t> used = 0;
  std::atomic<bool> wrong = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 300; ++i) {
        const int64_t memory = 10 + 7 * ((t + i) % 9);
        std::string why;
        const auto turn = queue.enter(memory, false, why);
        if (users[turn->slot].fetch_add(1) != 0 || used.fetch_add(memory) + memory > 100) wrong = true;
        std::this_thread::yield();
        used -= memory;
        users[turn->slot] -= 1;
        queue.leave(*turn, true);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(wrong);
}

}  // namespace
}  // namespace grpo

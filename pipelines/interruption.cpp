#include "pipelines/interruption.h"

#include <csignal>

#include "core/error.h"

namespace grpo {
namespace {

volatile std::sig_atomic_t received = 0;
struct sigaction before_int, before_term;
bool alive = false;

void remember(int signal) { received = signal; }

// One signal of a kind is remembered; after that it does what it does by default, so that the second ends the process.
void listen(int signal, struct sigaction& before) {
  struct sigaction action = {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(signal, nullptr, &before);
  if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);  // nohup and shells ask for that
}

}  // namespace

Interruption::Interruption() {
  GRPO_CHECK(!alive);
  alive = true;
  received = 0;
  listen(SIGINT, before_int);
  listen(SIGTERM, before_term);
}

Interruption::~Interruption() {
  sigaction(SIGINT, &before_int, nullptr);
  sigaction(SIGTERM, &before_term, nullptr);
  alive = false;
}

int Interruption::signal() { return received; }

}  // namespace grpo

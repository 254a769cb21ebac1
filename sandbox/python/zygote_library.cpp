// What the warm interpreter (zygote.py) cannot do in Python: clone itself into a box. Loaded by ctypes as a PyDLL, so the
// interpreter's lock is held throughout; the interpreter has one thread.

#include <dlfcn.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/box/plan_message.h"
#include "sandbox/python/programs.h"

namespace {

// Of the interpreter that loaded this library, whichever version it is.
void call_interpreter(const char* name) {
  if (void* const function = dlsym(RTLD_DEFAULT, name)) reinterpret_cast<void (*)()>(function)();
}

grpo::InitPlaces places;

}  // namespace

extern "C" {

// The programs that are worth compiling once, by number; null after the last.
[[gnu::visibility("default")]] const char* grpo_python_program(int number) {
  return number == 0 ? grpo::kDriverProgram : number == 1 ? grpo::kCandidateProgram : nullptr;
}

// Says that it is ready, then serves plans until the worker is gone (returns -1). Each is a box, in which this function returns the length of what
// was written to `text` (kPlanTextMax bytes): there the caller is the program.
[[gnu::visibility("default")]] long grpo_wait_for_box(int socket, char* text) {
  // The one signal that CPython handles. Inits run in this memory: none of theirs may get into the interpreter's handler.
  struct sigaction by_default = {}, of_interpreter = {};
  by_default.sa_handler = SIG_DFL;
  if (sigaction(SIGINT, &by_default, &of_interpreter) != 0) return -1;
  if (send(socket, "r", 1, MSG_NOSIGNAL) != 1) return -1;
  for (;;) {
    grpo::BoxPlan plan;
    size_t length = 0;
    if (!grpo::receive_plan(socket, plan, text, length)) return -1;
    call_interpreter("PyOS_BeforeFork");
    const grpo::BoxStart start = grpo::fork_box(plan, places);
    if (start.init == 0) {
      sigaction(SIGINT, &of_interpreter, nullptr);
      call_interpreter("PyOS_AfterFork_Child");
      return static_cast<long>(length);
    }
    call_interpreter("PyOS_AfterFork_Parent");
    grpo::close_plan(plan);
    const bool sent = grpo::send_start(socket, start);
    if (start.descriptor >= 0) close(start.descriptor);
    if (!sent) return -1;
  }
}

}  // extern "C"

#pragma once
// Starts a program that is cut off from us: it has the arguments, the environment, the folder and the descriptors that
// are named here, and nothing else of ours. It is waited for by its id, with waitpid; what it does afterwards is the
// caller's business. Cheap from a process of any size: its memory is not copied, not even its page tables.

#include <sys/types.h>

#include <string>
#include <vector>

namespace grpo {

struct Launch {
  std::vector<std::string> command;      // [0]: the absolute path of the program
  std::vector<std::string> environment;  // "NAME=value"; all it gets
  std::string folder;                    // where it runs; empty: our current directory
  struct Descriptor {
    int ours = -1;    // stays open here, and ours to close
    int theirs = -1;  // its number there; each at most once
  };
  // Of 0, 1 and 2 those that are not named are /dev/null. Any numbers will do: two may change places.
  std::vector<Descriptor> descriptors;
};

// Returns the id of the program, which runs already: an id that is returned has been exec'd. The program
//   - has no descriptor but 0, 1, 2 and those named;
//   - leads a session, and so a process group, of its own, without a terminal;
//   - has every signal at its default, none blocked, and leaves no core dumps;
//   - is killed when the THREAD that called this ends (a set-user-id program would not be): call it from a thread that
//     lives as long as the program should.
// Throws Error that names the file, or the folder, and says what the system said: it is not there, may not be executed,
// the interpreter of its first line is not there, no processes or descriptors are left. Nothing of it is left then.
// Safe to call from several threads at once.
pid_t launch(const Launch& launch);

}  // namespace grpo

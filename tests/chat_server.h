#pragma once
// A server on the loopback that speaks as much of OpenAI's protocol as a test scripts: right replies, and every way in
// which real servers fail.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"

namespace grpo {

struct ServedRequest {
  size_t number = 0;  // 0, 1, ... in the order of arrival
  std::string target;
  std::map<std::string, std::string> headers;  // names in lower case
  Json body;
  // What the last message, or the raw prompt, says.
  std::string text() const;
};

struct ServedReply {
  int status = 200;
  std::string body = "";
  std::vector<std::pair<std::string, std::string>> headers = {};
  double delay_seconds = 0.0;
  // The connection is closed after so many bytes of the body, of which the header promised all. Negative: never.
  int64_t close_after_bytes = -1;
};

// The body of a reply with these texts, 10 prompt tokens and 3 completion tokens a text.
std::string chat_body(const std::vector<std::string>& texts);

class ChatServer {
 public:
  // Called from many threads at once, one per request.
  using Script = std::function<ServedReply(const ServedRequest&)>;

  explicit ChatServer(Script script);
  ~ChatServer();  // drops all connections, in the middle of what they do
  ChatServer(const ChatServer&) = delete;
  ChatServer& operator=(const ChatServer&) = delete;

  std::string base_url() const;  // "http://127.0.0.1:PORT/v1"
  std::vector<ServedRequest> requests() const;
  // The most requests that had come and were not replied to at any moment.
  int64_t in_flight_max() const;
  size_t num_connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace grpo

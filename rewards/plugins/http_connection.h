#pragma once
// One connection to an HTTP server, plain or TLS, that posts texts and reads replies, each within a deadline.
// Nothing of the environment (proxies) plays a part, and redirects are replies like any other.

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace grpo {

struct Url {
  bool tls = false;
  std::string host;  // a name or an address; of [::1] without the brackets
  std::string port;
  std::string target = "/";  // path and query
  std::string host_header() const;
};

// Reads "http://host[:port][/path]" or "https://...". Throws std::invalid_argument with what is wrong with
// it.
Url parse_url(const std::string& text);

struct HttpOptions {
  Url url;
  std::vector<std::pair<std::string, std::string>> headers;  // beside Host, Content-Type and Accept
  std::string ca_file;  // certificates to trust (PEM); empty: the system's
  bool verify = true;   // false: any certificate will do
};

// TLS settings shared by the connections of one server, and unused for plain HTTP.
class TlsSettings;
// Throws std::runtime_error if ca_file cannot be read.
std::shared_ptr<TlsSettings> make_tls_settings(const HttpOptions& options);

struct HttpReply {
  int status = 0;
  std::string body;
  std::string retry_after = {};  // the header of that name as it was sent; empty: there was none
};

enum class NetworkFault {
  kUnreachable,  // no such host, refused, no TLS
  kTimedOut,
  kCutOff,   // the connection ended before the reply did
  kBroken,   // no HTTP, too large, anything else
  kGivenUp,  // the caller did not want to wait any longer
};

// The network's part of a failure.
class NetworkError : public std::runtime_error {
 public:
  NetworkError(const std::string& what, NetworkFault fault, bool stale = false)
      : std::runtime_error(what), fault_(fault), stale_(stale) {}
  NetworkFault fault() const { return fault_; }
  // The connection had served before and was found closed: the request may be fine on a fresh one.
  bool stale() const { return stale_; }

 private:
  NetworkFault fault_;
  bool stale_;
};

// Asked about ten times a second while something is waited for; true ends the waiting. Null: never asked.
using GivenUp = std::function<bool()>;

// Not safe from several threads at once. `options` must outlive it.
class HttpConnection {
 public:
  static constexpr size_t kReplyBytesMax = size_t{64} << 20;

  HttpConnection(const HttpOptions& options, std::shared_ptr<TlsSettings> tls);
  ~HttpConnection();

  // Posts a JSON text to `target` (path and query) and returns the reply; connects if need be. Throws NetworkError,
  // after which (and after a reply that says so) the next post() connects anew.
  HttpReply post(const std::string& target, const std::string& body, std::chrono::steady_clock::time_point deadline,
                 const GivenUp& given_up = nullptr);

 private:
  class Stream;
  const HttpOptions& options_;
  std::shared_ptr<TlsSettings> tls_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace grpo

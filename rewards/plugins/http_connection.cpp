#include "rewards/plugins/http_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <charconv>
#include <optional>

#include "rewards/plugins/resolve.h"

namespace grpo {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using Deadline = std::chrono::steady_clock::time_point;

std::string Url::host_header() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == (tls ? "443" : "80") ? name : name + ":" + port;
}

Url parse_url(const std::string& text) {
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    url.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    throw std::invalid_argument("it does not begin with http:// or https://");
  }
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= ' ' || c >= 127; })) {
    throw std::invalid_argument("it holds a blank or a character beyond ASCII");
  }
  const size_t authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, authority_end);
  const std::string_view target = rest.substr(authority_end, rest.find('#') - authority_end);
  if (!target.empty()) url.target = (target.front() == '/' ? "" : "/") + std::string(target);
  if (authority.find('@') != std::string_view::npos) {
    throw std::invalid_argument("it holds a user name: put credentials in \"headers\"");
  }
  size_t host_end = authority.rfind(':');
  if (authority.starts_with('[')) {
    const size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) throw std::invalid_argument("its [ is not closed");
    url.host = authority.substr(1, bracket - 1);
    host_end = bracket + 1 < authority.size() ? bracket + 1 : std::string_view::npos;
    if (host_end != std::string_view::npos && authority[host_end] != ':') {
      throw std::invalid_argument("its port does not follow a colon");
    }
  } else {
    url.host = authority.substr(0, host_end);
    if (url.host.find(':') != std::string::npos) throw std::invalid_argument("it has more than one port");
  }
  url.port = host_end == std::string_view::npos ? (url.tls ? "443" : "80") : authority.substr(host_end + 1);
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(url.port.data(), url.port.data() + url.port.size(), port);
  if (error != std::errc() || *end != '\0' || port == 0)
    throw std::invalid_argument("its port is no number up to 65535");
  if (url.host.empty()) throw std::invalid_argument("it names no host");
  return url;
}

class TlsSettings {
 public:
  asio::ssl::context context{asio::ssl::context::tls_client};
};

std::shared_ptr<TlsSettings> make_tls_settings(const HttpOptions& options) {
  auto settings = std::make_shared<TlsSettings>();
  if (!options.url.tls) return settings;
  asio::ssl::context& context = settings->context;
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  if (!options.ca_file.empty()) {
    context.load_verify_file(options.ca_file);
  } else {
    context.set_default_verify_paths();
  }
  context.set_verify_mode(options.verify ? asio::ssl::verify_peer : asio::ssl::verify_none);
  return settings;
}

// Every operation is started and then driven until it is done or the deadline passes; then the socket is
// closed, which ends the operation.
class HttpConnection::Stream {
 public:
  Stream(const HttpOptions& options, TlsSettings& tls, Deadline deadline, const GivenUp& given_up)
      : options_(options), deadline_(deadline), given_up_(&given_up) {
    if (options.url.tls) {
      tls_.emplace(context_, tls.context);
    } else {
      plain_.emplace(context_);
    }
    connect();
    connected_ = true;
  }

  HttpReply post(const std::string& target, const std::string& body, Deadline deadline, const GivenUp& given_up,
                 bool& keep) {
    deadline_ = deadline;
    given_up_ = &given_up;
    http::request<http::string_body> request(http::verb::post, target, 11);
    request.set(http::field::host, options_.url.host_header());
    request.set(http::field::content_type, "application/json");
    request.set(http::field::accept, "application/json");
    for (const auto& [name, value] : options_.headers) request.set(name, value);
    request.body() = body;
    request.prepare_payload();
    with_stream([&](auto& stream) {
      finish(run([&](auto done) { http::async_write(stream, request, done); }), "sending");
    });

    http::response_parser<http::string_body> parser;
    parser.body_limit(kReplyBytesMax);
    with_stream([&](auto& stream) {
      finish(run([&](auto done) { http::async_read(stream, buffer_, parser, done); }), "reading the reply");
    });
    used_ = true;
    keep = parser.get().keep_alive();
    const auto retry_after = parser.get().find(http::field::retry_after);
    return {.status = static_cast<int>(parser.get().result_int()),
            .body = std::move(parser.get().body()),
            .retry_after = retry_after == parser.get().end() ? "" : std::string(retry_after->value())};
  }

 private:
  using Plain = beast::tcp_stream;
  using Tls = beast::ssl_stream<beast::tcp_stream>;

  void connect() {
    std::vector<tcp::endpoint> endpoints;
    const auto port = static_cast<uint16_t>(std::stoi(options_.url.port));
    try {
      for (const std::string& address : resolve(options_.url.host, deadline_)) {
        endpoints.emplace_back(asio::ip::make_address(address), port);
      }
    } catch (const std::exception& e) {
      throw NetworkError(e.what(), NetworkFault::kUnreachable);
    }
    finish(run([&](auto done) { socket().async_connect(endpoints, done); }), "connecting");
    boost::system::error_code ignored;
    socket().socket().set_option(tcp::no_delay(true), ignored);
    if (!tls_) return;
    Tls& tls = *tls_;
    boost::system::error_code no_address;
    asio::ip::make_address(options_.url.host, no_address);
    if (no_address) SSL_set_tlsext_host_name(tls.native_handle(), options_.url.host.c_str());
    if (options_.verify) tls.set_verify_callback(asio::ssl::host_name_verification(options_.url.host));
    finish(run([&](auto done) { tls.async_handshake(asio::ssl::stream_base::client, done); }),
           "the TLS handshake");
  }

  beast::tcp_stream& socket() { return tls_ ? beast::get_lowest_layer(*tls_) : *plain_; }

  template <typename Use>
  void with_stream(Use use) {
    if (tls_) {
      use(*tls_);
    } else {
      use(*plain_);
    }
  }

  template <typename Start>
  boost::system::error_code run(Start start) {
    std::optional<boost::system::error_code> result;
    start([&result](boost::system::error_code error, const auto&...) { result = error; });
    context_.restart();
    bool waits = true;
    while (waits && !result) {
      const Deadline soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
      context_.run_until(*given_up_ ? std::min(deadline_, soon) : deadline_);
      waits = std::chrono::steady_clock::now() < deadline_ && !(*given_up_ && (*given_up_)());
    }
    if (result) return *result;
    const bool timed_out = std::chrono::steady_clock::now() >= deadline_;
    socket().close();
    context_.restart();
    context_.run();
    return timed_out ? make_error_code(beast::error::timeout) : make_error_code(asio::error::operation_aborted);
  }

  void finish(boost::system::error_code error, const char* doing) {
    if (!error) return;
    if (error == beast::error::timeout)
      throw NetworkError(fmt::format("timed out, {}", doing), NetworkFault::kTimedOut);
    if (error == asio::error::operation_aborted)
      throw NetworkError(fmt::format("given up, {}", doing), NetworkFault::kGivenUp);
    const bool dropped = error == http::error::end_of_stream || error == asio::error::connection_reset ||
                         error == asio::error::broken_pipe || error == asio::error::eof ||
                         error == asio::ssl::error::stream_truncated;
    const NetworkFault fault = !connected_ ? NetworkFault::kUnreachable
                               : dropped || error == http::error::partial_message ? NetworkFault::kCutOff
                                                                                  : NetworkFault::kBroken;
    const std::string what =
        error == http::error::end_of_stream ? "the server closed the connection" : error.message();
    throw NetworkError(fmt::format("{}, {}", what, doing), fault, used_ && dropped);
  }

  const HttpOptions& options_;
  Deadline deadline_;
  const GivenUp* given_up_;  // of the call that is being made
  asio::io_context context_{1};
  std::optional<Plain> plain_;  // one of the two
  std::optional<Tls> tls_;
  beast::flat_buffer buffer_;
  bool connected_ = false;
  bool used_ = false;
};

HttpConnection::HttpConnection(const HttpOptions& options, std::shared_ptr<TlsSettings> tls)
    : options_(options), tls_(std::move(tls)) {}

HttpConnection::~HttpConnection() = default;

HttpReply HttpConnection::post(const std::string& target, const std::string& body, Deadline deadline,
                               const GivenUp& given_up) {
  try {
    if (!stream_) stream_ = std::make_unique<Stream>(options_, *tls_, deadline, given_up);
    bool keep = false;
    HttpReply reply = stream_->post(target, body, deadline, given_up, keep);
    if (!keep) stream_.reset();
    return reply;
  } catch (const NetworkError&) {
    stream_.reset();
    throw;
  } catch (const std::exception& e) {
    stream_.reset();
    throw NetworkError(e.what(), NetworkFault::kBroken);
  }
}

}  // namespace grpo

#include "collect.h"

#include "gradus/report/report.h"
#include "gradus/tensor/error.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace gradus::report {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Response = http::response<http::string_body>;

constexpr std::chrono::seconds kPatience(10);  // with a reader that says nothing

/// Only this machine's names: a page elsewhere whose name points here is refused.
bool is_local(std::string_view host) {
  const std::string_view name = host.substr(0, host.rfind(':'));
  return name == "127.0.0.1" || name == "localhost";
}

/// What the folders hold now. A model is evaluated again only if its weights have changed: a page asks every other
/// second.
class Source {
 public:
  explicit Source(const Subjects& subjects) : subjects_(subjects) {}
  Json now() {
    return collect(subjects_, [&](Json& run, const std::string& folder) { add(run, folder); });
  }

 private:
  struct Model {
    std::filesystem::file_time_type written;  // the least while there are none
    Json parts;
  };

  void add(Json& run, const std::string& folder) {
    std::error_code error;
    const auto written = std::filesystem::last_write_time(std::filesystem::path(folder) / "weights.safetensors", error);
    Model& model = models_[folder];
    if (model.parts.is_null() || model.written != written) {
      Json whole = run;
      add_model(whole, folder, subjects_);
      model = {written, Json::object()};
      for (const auto& [key, value] : whole.items())
        if (!run.contains(key)) model.parts[key] = value;
    }
    run.update(model.parts);
  }

  const Subjects& subjects_;
  std::map<std::string, Model> models_;
};

Response answer(const http::request<http::string_body>& request, Source& source) {
  Response response{http::status::ok, request.version()};
  response.set(http::field::cache_control, "no-store");
  const auto host = request[http::field::host];
  const std::string target(request.target().data(), request.target().size());
  const auto say = [&](http::status status, const char* type, std::string body) {
    response.result(status);
    response.set(http::field::content_type, type);
    response.body() = std::move(body);
  };
  constexpr const char* kText = "text/plain; charset=utf-8";
  try {
    if (!is_local({host.data(), host.size()}))
      say(http::status::forbidden, kText, "this machine only\n");
    else if (request.method() != http::verb::get)
      say(http::status::method_not_allowed, kText, "GET only\n");
    else if (target == "/")
      say(http::status::ok, "text/html; charset=utf-8", page_of(source.now(), true));
    else if (target == "/data.json")
      say(http::status::ok, "application/json", text_of(source.now()));
    else
      say(http::status::not_found, kText, "not here: / and /data.json are\n");
  } catch (const Error& error) {  // a file that is being replaced, say; the page asks again
    say(http::status::service_unavailable, kText, error.message() + "\n");
  }
  response.prepare_payload();
  return response;
}

/// One request, read and answered while others wait for theirs: browsers open connections ahead of time.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Source& source, std::function<void()> answered)
      : stream_(std::move(socket)), source_(source), answered_(std::move(answered)) {}

  void start() {
    stream_.expires_after(kPatience);
    http::async_read(
        stream_, buffer_, request_, [self = shared_from_this()](boost::system::error_code error, std::size_t) {
          if (!error) self->reply();
        });
  }

 private:
  void reply() {
    response_ = answer(request_, source_);
    response_.keep_alive(false);
    stream_.expires_after(kPatience);
    http::async_write(stream_, response_, [self = shared_from_this()](boost::system::error_code error, std::size_t) {
      self->stream_.socket().shutdown(tcp::socket::shutdown_both, error);
      self->answered_();
    });
  }

  boost::beast::tcp_stream stream_;
  Source& source_;
  std::function<void()> answered_;
  boost::beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  Response response_;
};

/// Takes connections until the context is stopped.
void accept(tcp::acceptor& acceptor, Source& source, const std::function<void()>& answered) {
  acceptor.async_accept([&](boost::system::error_code error, tcp::socket socket) {
    if (!error) std::make_shared<Session>(std::move(socket), source, answered)->start();
    if (error != asio::error::operation_aborted) accept(acceptor, source, answered);
  });
}

}  // namespace

void serve(const Subjects& subjects, int port, const std::function<bool(int port)>& ready) {
  Source source(subjects);
  source.now();  // what can't be shown is said before
  asio::io_context context;
  boost::system::error_code error;
  tcp::acceptor acceptor(context);
  const tcp::endpoint here(asio::ip::address_v4::loopback(), static_cast<unsigned short>(port));
  acceptor.open(here.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(here, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    gradus::detail::fail<IoError>("report", fmt::format("expected a free port, got {} ({})", port, error.message()));
  if (!ready(acceptor.local_endpoint().port())) return;
  const std::function<void()> answered = [&] {
    if (!ready(0)) context.stop();
  };
  accept(acceptor, source, answered);
  context.run();
}

}  // namespace gradus::report

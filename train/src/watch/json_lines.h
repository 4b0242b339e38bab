#pragma once

#include <string>
#include <string_view>

namespace gradus::train {

/// A file of lines that is written while a run goes on. A line is handed to the system whole; one that it takes
/// only in part is taken back, so that no half line stays.
class JsonLines {
 public:
  JsonLines() = default;
  ~JsonLines() { close(); }
  JsonLines(const JsonLines&) = delete;
  JsonLines& operator=(const JsonLines&) = delete;

  /// Begins the file anew, or goes on behind what is there. IoError if it can't be written.
  void open(const std::string& path, bool append);
  bool is_open() const { return file_ >= 0; }
  /// IoError if there is no room, say; the file is then as before, and takes no more.
  void write(std::string_view line);
  void close() noexcept;

 private:
  int file_ = -1;
  std::string path_;
};

}  // namespace gradus::train

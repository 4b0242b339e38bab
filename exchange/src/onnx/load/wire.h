#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// The encoding of Protocol Buffers, read. A message is fields one behind the other, each a key, which is a number and
// a type, and a value.

namespace gradus::onnx {

/// A file's bytes, and where they are from.
struct Source {
  std::string path;
  std::string_view bytes;
  mutable bool has_data_outside = false;  // noted where a tensor's data are read from another file

  /// IoError "load_onnx: expected <expected>, got <got> at byte <of at> of <path>".
  [[noreturn]] void fail(std::string_view expected, std::string_view got, const char* at) const;
};

/// The fields of a message, one after the other: `while (fields.next()) switch (fields.number()) { … }`. Values point
/// into the source. IoError where bytes are missing, a number is too long or a value is read as another type.
class Fields {
 public:
  Fields(const Source& source, std::string_view message) : source_(&source), left_(message), begin_(message.data()) {}

  /// The next field, if there is one; its value is known then.
  bool next();
  int number() const { return number_; }

  std::int64_t integer() const;
  double float32() const;
  double float64() const;
  /// Text, bytes or a message.
  std::string_view bytes() const;
  std::string text() const { return std::string(bytes()); }
  Fields message() const { return Fields(*source_, bytes()); }

  // Repeated numbers: one, or many packed in bytes; `take` is called for each.
  template <class F>
  void integers(F&& take) const {
    if (type_ != kBytes) return take(integer());
    for (Fields packed = message(); !packed.left_.empty();) take(static_cast<std::int64_t>(packed.varint()));
  }
  template <class F>
  void floats32(F&& take) const {
    floats<4>(take);
  }
  template <class F>
  void floats64(F&& take) const {
    floats<8>(take);
  }

  /// IoError at this field.
  [[noreturn]] void fail(std::string_view expected, std::string_view got) const {
    source_->fail(expected, got, begin_);
  }

 private:
  static constexpr int kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;

  template <std::size_t width, class F>
  void floats(F& take) const {
    if (type_ != kBytes) return take(width == 4 ? float32() : float64());
    for (Fields packed = message(); !packed.left_.empty();) {
      packed.begin_ = packed.left_.data();
      packed.type_ = width == 4 ? kFixed32 : kFixed64;
      packed.value_ = packed.cut(width);
      take(width == 4 ? packed.float32() : packed.float64());
    }
  }
  void expect(int type) const;
  std::uint64_t varint();
  std::string_view cut(std::uint64_t count);

  const Source* source_;
  std::string_view left_;  // behind this field
  const char* begin_;
  int number_ = 0, type_ = 0;
  std::uint64_t integer_ = 0;
  std::string_view value_;
};

}  // namespace gradus::onnx

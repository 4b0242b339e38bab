#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gradus::data {

/// Distinct labels, numbered as they come; at the end turned into classes.
class CsvLabels {
 public:
  /// `names`, if there are any: of class 0, 1, ….
  CsvLabels(std::vector<std::string> names, char decimal) : names_(std::move(names)), decimal_(decimal) {}

  /// What is wrong with a label, if something is; else `id` is its number.
  std::optional<std::string> add(const std::string& label, std::int64_t& id);
  /// No more are added: the classes are those of all labels.
  void finish() {
    if (names_.empty() && !ids_.empty()) number_classes();
  }

  /// After `finish`.
  std::int64_t class_of(std::int64_t id) const { return classes_[static_cast<std::size_t>(id)]; }
  /// Nothing for a label that was not added.
  std::optional<std::int64_t> class_of(const std::string& label) const;
  /// Of class 0, 1, …; none where classes are numbers that stand for themselves.
  const std::vector<std::string>& names() const { return names_; }
  /// The number of names, or the largest class + 1.
  std::int64_t classes() const;

 private:
  std::int64_t known_class(const std::string& label) const;
  void number_classes();
  std::optional<std::int64_t> whole(const std::string& label) const;
  bool is_fraction(const std::string& label) const;

  std::vector<std::string> names_;
  char decimal_;
  std::map<std::string, std::int64_t> ids_;
  std::vector<std::int64_t> classes_;  // of each id
};

}  // namespace gradus::data

#include "target.h"

#include "gradus/tensor/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <exception>
#include <string_view>
#include <typeinfo>
#include <utility>

namespace gradus::fuzz {
namespace {

constexpr double kMostSeconds = 1;

std::vector<Target>& registered() {
  static std::vector<Target> all;
  return all;
}

/// Of this process on its processors.
double seconds() {
  std::timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

const std::vector<Target>& targets() { return registered(); }

Registered::Registered(Target target) {
  const auto later = [&](const Target& other) { return std::string_view(other.name) > target.name; };
  registered().insert(std::find_if(registered().begin(), registered().end(), later), std::move(target));
}

Runner::Runner(const Target& target) : target_(target), seeds_(target.seeds(folder_)) {}

void Runner::read(const std::string& input, Outcome& outcome) const {
  try {
    target_.read(input);
  } catch (const IoError& error) {
    outcome.refused = error.what();
    if (!target_.file.empty() && outcome.refused.find(folder_.path()) == std::string::npos)
      outcome.wrong = "an error that does not name the file: " + outcome.refused;
  } catch (const Error& error) {
    outcome.refused = error.what();
    if (!target_.is_told) outcome.wrong = fmt::format("{}, not an IoError: {}", typeid(error).name(), error.what());
  } catch (const std::exception& error) {
    outcome.wrong = fmt::format("{}: {}", typeid(error).name(), error.what());
  }
}

Runner::Outcome Runner::run(std::string bytes, bool mended) {
  if (mended && target_.mend != nullptr) target_.mend(bytes);
  const std::string input = target_.file.empty() ? bytes : folder_.write(target_.file, bytes);
  Outcome outcome;
  const double begin = seconds();
  const AllocationPeak peak;
  read(input, outcome);
  const std::int64_t most = target_.besides + target_.per_byte * static_cast<std::int64_t>(bytes.size());
  if (const std::int64_t got = peak.bytes(); got > most && outcome.wrong.empty())
    outcome.wrong = fmt::format("{} bytes of memory for an input of {}, at most {} expected", got, bytes.size(), most);
  if (const double took = seconds() - begin; took > kMostSeconds && outcome.wrong.empty())
    outcome.wrong =
        fmt::format("{:.2f} s for an input of {} bytes, at most {} expected", took, bytes.size(), kMostSeconds);
  for (std::size_t at = 0; (at = outcome.refused.find(folder_.path(), at)) != std::string::npos;)
    outcome.refused.erase(at, folder_.path().size());  // another one each time
  return outcome;
}

}  // namespace gradus::fuzz

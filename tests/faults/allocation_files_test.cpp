// Memory that is wanting as files are written and read, and in a whole run.

#include "refused.h"

#include <gradus/gradus.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <unistd.h>
#include <vector>

namespace gradus::tests {
namespace {

namespace fs = std::filesystem;

class WantOfMemoryFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "gradus_memory_" + std::to_string(::getpid());
    fs::create_directories(folder_);
    file_ = folder_ + "/file";
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string content() const {
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  /// The file is the old one or the new one, whole, and nothing is beside it.
  void refuse_in_save(const std::function<void()>& save, std::int64_t step = 1) {
    for (int i = 0; i < 3; ++i) save();
    const std::string saved = content(), old = "what was there";
    for (const bool all : {false, true}) {
      const auto reset = [&] { std::ofstream(file_, std::ios::binary) << old; };
      reset();
      const Held held;
      const std::int64_t requests = refuse_each(
          save,
          [&](bool thrown) {
            EXPECT_EQ(Held(), held);
            EXPECT_TRUE(content() == (thrown ? old : saved));
            EXPECT_EQ(files(), 1U);
            reset();
          },
          all,
          step);
      EXPECT_GT(requests, 10);
      EXPECT_TRUE(content() == saved);
    }
  }

  /// What is read into is as it was, or all is read.
  void refuse_in_load(const std::function<void()>& load,
                      const std::function<State()>& state,
                      const std::function<void()>& reset) {
    const State old = state();
    for (int i = 0; i < 3; ++i) load();
    const State loaded = state();
    ASSERT_FALSE(same(old, loaded));
    reset();
    ASSERT_TRUE(same(old, state()));
    const Held held;
    const std::int64_t requests = refuse_each(load, [&](bool thrown) {
      EXPECT_TRUE(same(state(), thrown ? old : loaded));
      reset();
      EXPECT_EQ(Held(), held);
    });
    EXPECT_GT(requests, 10);
    EXPECT_TRUE(same(state(), loaded));
  }

  std::string folder_, file_;
};

TEST_F(WantOfMemoryFiles, SaveAModel) {
  Training<Mlp> t;
  refuse_in_save([&] { nn::save(t.net, file_); });
}

TEST_F(WantOfMemoryFiles, SaveACheckpoint) {
  Training<Mlp> t;
  t.step();
  refuse_in_save(
      [&] { train::save_checkpoint(file_, {{"net", t.net}, {"adam", t.adam}, {"generator", default_generator()}}); });
}

TEST_F(WantOfMemoryFiles, SaveAsOnnx) {
  Training<Cnn> t;
  refuse_in_save([&] { nn::save_onnx(t.net, t.x, file_); }, 7);
}

TEST_F(WantOfMemoryFiles, SaveArrays) {
  const Tensor x = Mlp::input();
  refuse_in_save([&] { data::write_npz(file_, {{"x", x}, {"y", x}}); });
}

TEST_F(WantOfMemoryFiles, LoadAModel) {
  Training<Mlp> t, other;
  t.step();
  nn::save(t.net, file_);
  const State before = nn::state(other.net);
  refuse_in_load([&] { nn::load(other.net, file_); },
                 [&] { return nn::state(other.net); },
                 [&] { nn::set_state(other.net, before); });
}

TEST_F(WantOfMemoryFiles, LoadACheckpoint) {
  Training<Mlp> t, other;
  t.step();
  const std::vector<train::Part> parts{{"net", other.net}, {"adam", other.adam}};
  train::save_checkpoint(file_, {{"net", t.net}, {"adam", t.adam}});
  other.step();
  other.step();
  const State sums = other.adam.state(), values = nn::state(other.net);
  const auto state = [&] {
    State all = other.parameters_and_sums();
    all.merge(other.buffers());
    return all;
  };
  const auto reset = [&] {
    other.adam.set_state(sums);
    nn::set_state(other.net, values);
  };
  refuse_in_load([&] { train::load_checkpoint(file_, parts); }, state, reset);
}

/// What is made anew is made whole, or not at all.
void refuse_in_read(const std::function<void()>& read) {
  for (int i = 0; i < 3; ++i) read();
  const Held held;
  EXPECT_GT(refuse_each(read, [&](bool) { EXPECT_EQ(Held(), held); }), 10);
}

TEST_F(WantOfMemoryFiles, ReadTensors) {
  nn::save_tensors({{"a", ones({3, 4})}, {"b", arange(5)}}, file_);
  refuse_in_read([&] { nn::load_tensors(file_); });
  refuse_in_read([&] { nn::map_tensors(file_); });
  data::write_npz(file_, {{"a", ones({3, 4})}, {"b", arange(5)}});
  refuse_in_read([&] { data::read_npz(file_); });
}

TEST_F(WantOfMemoryFiles, LoadOnnx) {
  Training<Cnn> t;
  nn::save_onnx(t.net, t.x, file_);
  refuse_in_read([&] { nn::load_onnx(file_); });
}

}  // namespace
}  // namespace gradus::tests

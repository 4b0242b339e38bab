// A program written as README shows it, which gives names of the library to things of its own: it
// compiles, and the program's own are what it uses.
#include <gradus/gradus.h>
using namespace gradus::prelude;

#include <cstdio>
#include <string>
#include <vector>

namespace {
int failures = 0;
}

struct Generator : nn::Module<Generator> {
  nn::Linear fc1{2, 8}, fc2{8, 3};
  Tensor forward(const Tensor& z) { return fc2(relu(fc1(z))); }
};
struct Discriminator : nn::Module<Discriminator> {
  nn::Sequential net{nn::Linear{3, 8}, relu, nn::Linear{8, 1}};
  Tensor forward(const Tensor& x) { return net(x); }
};

// Types.
#define OWN(Name)   \
  struct Name {     \
    int value = 17; \
  }
OWN(Node);
OWN(Leaf);
OWN(Edge);
OWN(Error);
OWN(Arg);
OWN(Axes);
OWN(Report);
OWN(Op);
OWN(OpInfo);
OWN(Saves);
OWN(Domain);
OWN(Example);
OWN(Sample);
OWN(Extremum);
OWN(Padding);
OWN(Pooled);
OWN(Sorted);
OWN(Linearity);
OWN(LossOptions);
OWN(CheckOptions);
OWN(Triangular);
OWN(Elementwise);
OWN(Scope);
OWN(Graph);
OWN(View);
OWN(Path);
OWN(Profile);
OWN(Trace);
OWN(Model);
OWN(Module);
OWN(Net);
OWN(Layer);
OWN(Linear);
OWN(Conv2d);
OWN(Sequential);
OWN(Encoder);
OWN(Hook);
OWN(Visitor);
OWN(Dataset);
OWN(Batch);
OWN(Loader);
OWN(Sampler);
OWN(Transform);
OWN(Pipeline);
OWN(Device);
OWN(Config);
OWN(Options);
OWN(Loss);
OWN(Metrics);
OWN(Optimizer);
OWN(Schedule);
OWN(State);
OWN(Adam);
OWN(Sgd);
OWN(Average);
OWN(Curve);
OWN(Trainer);
OWN(Observer);
OWN(Record);
OWN(Part);
OWN(Score);
OWN(Step);
OWN(Progress);
OWN(Policy);
OWN(Result);
OWN(Storage);
OWN(Context);
OWN(CallSite);
OWN(IoError);
OWN(ShapeError);

// Namespaces.
namespace detail {
constexpr int value = 17;
}
namespace graph {
constexpr int value = 17;
}
namespace lane {
constexpr int value = 17;
}
namespace testing {
constexpr int value = 17;
}
namespace train_util {
constexpr int value = 17;
}

// Functions, as templates too: none loses against one that argument-dependent lookup finds.
int train(Generator&, Discriminator&) { return 17; }
int train(auto& /*net*/) { return 17; }
int eval(auto& /*net*/) { return 17; }
int init(auto& /*net*/) { return 17; }
int test(auto& /*net*/) { return 17; }
int fit(auto& /*net*/, int /*epochs*/) { return 17; }
int evaluate(auto& /*net*/, const Dataset&) { return 17; }
int accuracy(auto& /*net*/) { return 17; }
int step(auto& /*net*/) { return 17; }
int run(auto& /*net*/) { return 17; }
int apply(auto& /*net*/, int) { return 17; }
int dispatch(int x) { return x; }
int contains(int x) { return x; }
int same(int x) { return x; }
int valid(int x) { return x; }
int fail(int x) { return x; }
int load(auto& /*net*/, const char*) { return 17; }
int save(const Generator&, const std::string&) { return 17; }

void expect(int value, const char* what) {
  if (value == 17) return;
  std::printf("%s is not the program's own\n", what);
  ++failures;
}
#define EXPECT_OWN(Name) expect(Name{}.value, #Name)

void types() {
  EXPECT_OWN(Node), EXPECT_OWN(Leaf), EXPECT_OWN(Edge), EXPECT_OWN(Error), EXPECT_OWN(Arg);
  EXPECT_OWN(Axes), EXPECT_OWN(Report), EXPECT_OWN(Op), EXPECT_OWN(OpInfo), EXPECT_OWN(Saves);
  EXPECT_OWN(Domain), EXPECT_OWN(Example), EXPECT_OWN(Sample), EXPECT_OWN(Extremum);
  EXPECT_OWN(Padding), EXPECT_OWN(Pooled), EXPECT_OWN(Sorted), EXPECT_OWN(Linearity);
  EXPECT_OWN(LossOptions), EXPECT_OWN(CheckOptions), EXPECT_OWN(Triangular);
  EXPECT_OWN(Elementwise), EXPECT_OWN(Scope), EXPECT_OWN(Graph), EXPECT_OWN(View);
  EXPECT_OWN(Path), EXPECT_OWN(Profile), EXPECT_OWN(Trace), EXPECT_OWN(Model), EXPECT_OWN(Module);
  EXPECT_OWN(Net), EXPECT_OWN(Layer), EXPECT_OWN(Linear), EXPECT_OWN(Conv2d);
  EXPECT_OWN(Sequential), EXPECT_OWN(Encoder), EXPECT_OWN(Hook), EXPECT_OWN(Visitor);
  EXPECT_OWN(Dataset), EXPECT_OWN(Batch), EXPECT_OWN(Loader), EXPECT_OWN(Sampler);
  EXPECT_OWN(Transform), EXPECT_OWN(Pipeline), EXPECT_OWN(Device), EXPECT_OWN(Config);
  EXPECT_OWN(Options), EXPECT_OWN(Loss), EXPECT_OWN(Metrics), EXPECT_OWN(Optimizer);
  EXPECT_OWN(Schedule), EXPECT_OWN(State), EXPECT_OWN(Adam), EXPECT_OWN(Sgd), EXPECT_OWN(Average);
  EXPECT_OWN(Curve), EXPECT_OWN(Trainer), EXPECT_OWN(Observer), EXPECT_OWN(Record);
  EXPECT_OWN(Part), EXPECT_OWN(Score), EXPECT_OWN(Step), EXPECT_OWN(Progress), EXPECT_OWN(Policy);
  EXPECT_OWN(Result), EXPECT_OWN(Storage), EXPECT_OWN(Context), EXPECT_OWN(CallSite);
  EXPECT_OWN(IoError), EXPECT_OWN(ShapeError);
}

void functions(Generator& g, Discriminator& d) {
  expect(detail::value, "detail"), expect(graph::value, "graph"), expect(lane::value, "lane");
  expect(::testing::value, "testing"), expect(train_util::value, "train_util");
  expect(train(g, d), "train"), expect(train(g), "train"), expect(eval(g), "eval");
  expect(init(g), "init"), expect(test(g), "test"), expect(fit(g, 3), "fit");
  expect(evaluate(g, Dataset()), "evaluate"), expect(accuracy(g), "accuracy");
  expect(step(g), "step"), expect(run(g), "run"), expect(apply(g, 1), "apply");
  expect(dispatch(17), "dispatch"), expect(contains(17), "contains"), expect(same(17), "same");
  expect(valid(17), "valid"), expect(fail(17), "fail"), expect(load(g, "x"), "load");
  expect(save(g, "x"), "save");
}

int main() {
  types();
  Generator g;
  Discriminator d;
  functions(g, d);

  manual_seed(0);
  optim::Adam adam{parameters(g), {.lr = 1e-3}};
  adam.zero_grad();
  nn::train(g), nn::eval(d);
  const Tensor fake = g(normal({4, 2}));
  const Tensor loss = nn::bce_with_logits(d(fake), ones({4, 1}));
  backward(loss);
  adam.step();
  // The library's stay at hand.
  gradus::Generator source(1);
  try {
    g(uniform({4, 3}, 0, 1, float32, source));
    ++failures;
  } catch (const gradus::Error& e) {
    if (std::string(e.what()).find("Generator") == std::string::npos &&
        e.scope().find("generator") == std::string::npos)
      std::printf("unexpected: %s\n", e.what()), ++failures;
  }
  return failures == 0 ? 0 : 1;
}

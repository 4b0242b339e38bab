// What the walks over a model find, and what they refuse.
#include "errors.h"

#include "gradus/autograd/backward.h"
#include "gradus/graph/scope.h"
#include "gradus/nn.h"
#include "gradus/ops.h"
#include "gradus/tensor/warning.h"

#include <gtest/gtest.h>

#include <any>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace {

using gradus::tests::message_of;

using namespace gradus;
using Strings = std::vector<std::string>;

template <class M>
Strings names(const M& model) {
  Strings list;
  for (const auto& named : nn::named_parameters(model)) list.push_back(named.name);
  return list;
}

#define EXPECT_SAYS(text, ...) \
  EXPECT_NE(message_of([&] { __VA_ARGS__; }).find(text), std::string::npos) << message_of([&] { __VA_ARGS__; })

// ---- names --------------------------------------------------------------------------------------

struct Twice : nn::Module<Twice> {
  nn::Linear a{2, 3}, b{3, 4};
  Tensor forward(const Tensor& x) { return b(a(x)); }
  auto fields() { return nn::fields("fc", a, "fc", b); }
};

TEST(Walks, TwoTensorsOfOneNameAreRefused) {
  Twice net;
  const char* text = "expected a name of its own for each tensor of a model, got two called 'fc.weight'";
  EXPECT_SAYS(text, nn::save(net, testing::TempDir() + "/twice.safetensors"));
  EXPECT_SAYS(text, parameters(net));
  EXPECT_SAYS(text, state(net));
  EXPECT_SAYS(text, clone(net));
}

struct Tied : nn::Module<Tied> {
  nn::Linear a{3, 3};
  nn::Linear b = a;
  Tensor forward(const Tensor& x) { return b(a(x)); }
  auto fields() { return nn::fields("fc", a, "fc", b); }
};

TEST(Walks, OneTensorUnderOneNameTwiceIsTakenOnce) { EXPECT_EQ(names(Tied()), (Strings{"fc.weight", "fc.bias"})); }

struct Mixed : nn::Module<Mixed> {
  nn::Sequential net{nn::Linear{2, 2}};
  std::map<std::string, nn::Linear> more;
  Tensor forward(const Tensor& x) { return net(x); }
  auto fields() { return nn::fields("", net, "", more); }
};

TEST(Walks, NamesThatMeetFromTwoContainersAreRefused) {
  Mixed net;
  net.more.emplace("0", nn::Linear{1, 1});
  EXPECT_SAYS("got two called '0.weight'", parameters(net));
}

enum class Size { small = 3, large = 9 };

struct Maps : nn::Module<Maps> {
  std::map<int, nn::Linear> by_number;
  std::unordered_map<std::string, nn::Linear> by_text;
  std::unordered_map<long, nn::Linear> unordered;
  std::map<Size, nn::Linear> by_size;
  std::map<char, nn::Linear> by_letter;
  Tensor forward(const Tensor& x) { return x; }
};

TEST(Walks, MapsNameByKeyInTheOrderOfKeys) {
  Maps net;
  const nn::Linear layer{1, 1, {.bias = false}};
  for (int key : {30, -2, 7}) net.by_number.emplace(key, clone(layer));
  for (const char* key : {"up", "down", "left", "right", "b", "a", "z"}) net.by_text.emplace(key, clone(layer));
  for (long key : {100, 20, 3, -5}) net.unordered.emplace(key, clone(layer));
  for (Size key : {Size::large, Size::small}) net.by_size.emplace(key, clone(layer));
  for (char key : {'q', 'k'}) net.by_letter.emplace(key, clone(layer));
  EXPECT_EQ(names(net),
            (Strings{"by_number.-2.weight",
                     "by_number.7.weight",
                     "by_number.30.weight",
                     "by_text.a.weight",
                     "by_text.b.weight",
                     "by_text.down.weight",
                     "by_text.left.weight",
                     "by_text.right.weight",
                     "by_text.up.weight",
                     "by_text.z.weight",
                     "unordered.-5.weight",
                     "unordered.3.weight",
                     "unordered.20.weight",
                     "unordered.100.weight",
                     "by_size.3.weight",
                     "by_size.9.weight",
                     "by_letter.k.weight",
                     "by_letter.q.weight"}));
}

// ---- what is held where -------------------------------------------------------------------------

struct Choice : nn::Module<Choice> {
  std::variant<std::monostate, nn::Linear, nn::Conv2d, std::shared_ptr<nn::PReLU>> layer;
  std::variant<int, double> number = 3;
  Tensor forward(const Tensor& x) { return x; }
};

TEST(Walks, TheAlternativeOfAVariantIsVisited) {
  Choice net;
  EXPECT_EQ(names(net), Strings{});
  net.layer = nn::Linear{2, 3};
  EXPECT_EQ(names(net), (Strings{"layer.weight", "layer.bias"}));
  Choice copy = clone(net);
  EXPECT_FALSE(parameters(copy)[0].is_same(parameters(net)[0]));
  net.layer = nn::Conv2d{1, 2, {.kernel = 3}};
  EXPECT_EQ(parameter_count(net), 20);
  net.layer = std::make_shared<nn::PReLU>();
  EXPECT_EQ(names(net), Strings{"layer.weight"});
  EXPECT_FALSE(parameters(clone(net))[0].is_same(parameters(net)[0]));
  EXPECT_NE(to_string(net).find("layer: PReLU"), std::string::npos) << to_string(net);
}

struct Hidden : nn::Module<Hidden> {
  std::function<Tensor(const Tensor&)> f;
  std::any any;
  nn::Linear out{2, 2};
  Tensor forward(const Tensor& x) { return out(f(x)); }
};

TEST(Walks, AFunctionThatHoldsAModuleIsRefused) {
  Hidden net;
  net.f = [](const Tensor& x) { return relu(x); };
  net.any = 3;
  EXPECT_EQ(parameters(net).size(), 2u);
  net.f = nn::Linear{2, 2};
  EXPECT_SAYS("got one in a std::function or std::any, the field 'f'", parameters(net));
  EXPECT_SAYS("hold it in an nn::AnyModule", nn::save(net, "/nowhere"));
  net.f = nullptr;
  net.any = nn::Linear{2, 2};
  EXPECT_SAYS("the field 'any'", parameters(net));
}

struct Ring : nn::Module<Ring> {
  nn::Linear fc{2, 2};
  std::shared_ptr<Ring> next;
  std::weak_ptr<Ring> back;
  Tensor forward(const Tensor& x) { return fc(x); }
};

TEST(Walks, CyclesAreRefused) {
  auto a = std::make_shared<Ring>(), b = std::make_shared<Ring>();
  a->next = b;
  b->back = a;
  EXPECT_EQ(parameters(a).size(), 4u);
  b->next = a;
  const char* text = "expected a model without cycles, got a Ring that holds itself";
  EXPECT_SAYS(text, parameters(a));
  EXPECT_SAYS(text, to_string(*a));
  EXPECT_SAYS(text, clone(*a));
  EXPECT_SAYS(text, nn::eval(*a));
  EXPECT_SAYS(text, nn::save(*a, "/nowhere"));
  a->next = a;
  EXPECT_SAYS(text, zero_grad(*a));
  a->next = nullptr;
  b->next = nullptr;
}

TEST(Walks, AModuleHeldTwiceIsNoCycle) {
  auto shared = std::make_shared<nn::Linear>(2, 2);
  std::vector<std::shared_ptr<nn::Linear>> list{shared, shared};
  EXPECT_EQ(parameters(list).size(), 2u);
}

// ---- fields() below a constructor ---------------------------------------------------------------

class Drawn : public nn::Module<Drawn> {
 public:
  Drawn() : fc_(2, 3) {
    nn::init(*this, init::constant(0.5));
    nn::eval(*this);
    label_parameters(*this);
    count = parameter_count(*this);
    result = (*this)(ones({1, 2}));
  }
  Tensor forward(const Tensor& x) { return fc_(x); }
  auto fields() { return nn::fields("fc", fc_); }

  std::int64_t count = 0;
  Tensor result;
  bool training = true;

 private:
  nn::Linear fc_;
};

TEST(Walks, AConstructorAboveFieldsMayUseTheModel) {
  Drawn net;
  EXPECT_EQ(net.count, 9);
  EXPECT_FALSE(net.training);
  EXPECT_TRUE(equal(net.result, ones({1, 3})));
  EXPECT_EQ(names(net), (Strings{"fc.weight", "fc.bias"}));
}

struct WithMember : nn::Module<WithMember> {
  std::vector<nn::Linear> fields;
  Tensor forward(const Tensor& x) { return x; }
};

TEST(Walks, AFieldMayBeCalledFields) {
  WithMember net;
  net.fields.emplace_back(2, 2);
  EXPECT_EQ(names(net), (Strings{"fields.0.weight", "fields.0.bias"}));
}

struct Sized {
  nn::Linear fc{2, 2};
  std::vector<int> fields() const { return {}; }
};

TEST(Walks, AFunctionCalledFieldsOfAnotherKindIsNoMatter) {
  EXPECT_EQ(names(Sized()), (Strings{"fc.weight", "fc.bias"}));
}

// ---- scopes -------------------------------------------------------------------------------------

template <class M>
std::string scope_of(M model) {
  return node_of(model(leaf(ones({2}))))->scope()->path();
}
#define GRADUS_MODULE(Name)                             \
  struct Name : nn::Module<Name> {                      \
    Tensor forward(const Tensor& x) { return x * 2.0; } \
  }
GRADUS_MODULE(MLP);
GRADUS_MODULE(MyLSTM);
GRADUS_MODULE(HTTPServer);
GRADUS_MODULE(ResNet);
GRADUS_MODULE(ResNet50);
GRADUS_MODULE(UNet);
GRADUS_MODULE(Net2Net);
GRADUS_MODULE(Conv2D);
GRADUS_MODULE(Conv2d);
GRADUS_MODULE(Snake_Case);
GRADUS_MODULE(VGG16);

TEST(Walks, AcronymsAreOneWordOfAScope) {
  EXPECT_EQ(scope_of(MLP()), "mlp");
  EXPECT_EQ(scope_of(MyLSTM()), "my_lstm");
  EXPECT_EQ(scope_of(HTTPServer()), "http_server");
  EXPECT_EQ(scope_of(ResNet()), "res_net");
  EXPECT_EQ(scope_of(ResNet50()), "res_net50");
  EXPECT_EQ(scope_of(UNet()), "u_net");
  EXPECT_EQ(scope_of(Net2Net()), "net2_net");
  EXPECT_EQ(scope_of(Conv2D()), "conv2d");
  EXPECT_EQ(scope_of(Conv2d()), "conv2d");
  EXPECT_EQ(scope_of(Snake_Case()), "snake_case");
  EXPECT_EQ(scope_of(VGG16()), "vgg16");
  nn::LSTM lstm(2, 3);
  label_parameters(lstm);
  EXPECT_EQ(static_cast<Leaf*>(node_of(parameters(lstm)[0]))->label.substr(0, 5), "lstm.");
}

TEST(Walks, AParameterMadeOfARecordedResultWarns) {
  std::string text;
  const auto before = on_warning([&](const std::string& t) { text = t; });
  nn::Linear fc{2, 2};
  fc.weight = fc.weight * 2.0;
  EXPECT_NE(text.find("expected a leaf, got the result of mul"), std::string::npos) << text;
  text.clear();
  no_grad([&] {
    fc.weight = fc.weight * 2.0;
    return 0;
  });
  fc.weight = ones({2, 2});
  EXPECT_EQ(text, "");
  on_warning(before);
}

}  // namespace

//
#include <gradus/gradus.h>
using namespace gradus;

nn::Sequential a{nn::Linear{2, 3}, tanh, relu, nn::Linear{3, 1}};
nn::Sequential b{a}, c{a, a}, d(a), e(std::vector<nn::AnyModule>{}), f{tanh};
nn::Sequential g{a, relu, [](Arg x) { return x * x; }};
nn::Sequential h{std::make_shared<nn::Linear>(2, 3), relu};

// The graph that a loss was made by: a picture, a table, and a graph for Boost's algorithms.
#include <gradus/gradus.h>
#include <gradus/inspect/boost.h>

#include <boost/graph/topological_sort.hpp>

#include <iostream>
#include <iterator>
#include <vector>

using namespace gradus::prelude;

struct Net : nn::Module<Net> {
  nn::Linear fc1{4, 8};
  nn::Linear fc2{8, 3};
  Tensor forward(const Tensor& x) { return fc2(tanh(fc1(x))); }
};

int main() {
  Net net;
  const Tensor loss = nn::cross_entropy(net(uniform({5, 4})), tensor({0, 1, 2, 0, 1}));

  const gradus::graph::View view(loss);
  gradus::graph::write_dot(view, "net.dot");
  std::cout << gradus::graph::summary(view);

  const auto g = gradus::graph::boost_graph(view);
  std::vector<std::size_t> order;
  boost::topological_sort(g, std::back_inserter(order));  // the last first
  std::cout << "from the parameters to the loss:";
  for (auto at = order.rbegin(); at != order.rend(); ++at) std::cout << ' ' << g[*at].op;
  std::cout << "\nnet.dot written; dot -Tsvg net.dot -o net.svg draws it\n";
  return order.size() != view.size() || order.front() != view.results()[0];
}

#include "gradus/inspect/boost.h"

namespace gradus::graph {

BoostGraph boost_graph(const View& view) {
  BoostGraph graph(view.size(), view);
  for (std::size_t i = 0; i < view.size(); ++i) graph[i] = view[i];
  for (const EdgeInfo& edge : view.edges()) add_edge(edge.from, edge.to, edge, graph);
  return graph;
}

}  // namespace gradus::graph

#pragma once

#include "gradus/inspect/view.h"

#include <boost/graph/adjacency_list.hpp>

GRADUS_EXPORT_BEGIN
namespace gradus::graph {

/// A view for the algorithms of Boost.Graph. Vertex i is node i of the view; edges run in the
/// direction of computation, in the order of the view, several between two nodes where a tensor is
/// used twice.
using BoostGraph = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS, NodeInfo, EdgeInfo, View>;

/// The graph holds the view as its own property (`g[boost::graph_bundle]`), so the nodes stay
/// alive.
BoostGraph boost_graph(const View& view);

}  // namespace gradus::graph
GRADUS_EXPORT_END

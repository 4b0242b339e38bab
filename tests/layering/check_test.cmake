# cmake -DDIR=scratch -P check_test.cmake: check.cmake accepts a small good tree and rejects each way of breaking it.

cmake_minimum_required(VERSION 3.24)
# expect(regex): the outcome of the check on the tree in DIR.
function(expect regex)
  execute_process(COMMAND ${CMAKE_COMMAND} -DROOT=${DIR} "-DROOMS=low mid side top" -P ${CMAKE_CURRENT_LIST_DIR}/check.cmake
                  RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
  string(REGEX REPLACE "[ \n]+" " " out "${out}")
  if(NOT out MATCHES "${regex}" OR (regex MATCHES "obey" AND code) OR (NOT regex MATCHES "obey" AND NOT code))
    message(SEND_ERROR "expected '${regex}', got (code ${code}): ${out}")
  endif()
endfunction()

# low <- mid <- top, low <- side <- top
function(good_tree)
  file(REMOVE_RECURSE ${DIR})
  file(WRITE ${DIR}/low/CMakeLists.txt "gradus_add_module(NAME low PRIVATE_LIBS fmt::fmt)\n")
  file(WRITE ${DIR}/mid/CMakeLists.txt "gradus_add_module(\n  NAME mid\n  DEPS low\n  PRIVATE_LIBS fmt::fmt)\n")
  file(WRITE ${DIR}/side/CMakeLists.txt "gradus_add_module(NAME side DEPS low)\n")
  file(WRITE ${DIR}/top/CMakeLists.txt "gradus_add_module(NAME top DEPS mid side)\n")
  file(WRITE ${DIR}/low/include/gradus/low.h "#pragma once\n#include <vector>\n")
  file(WRITE ${DIR}/mid/include/gradus/mid.h
       "#pragma once\n#include \"gradus/low.h\"\nGRADUS_EXPORT_BEGIN\nnamespace gradus {}\nGRADUS_EXPORT_END\n")
  file(WRITE ${DIR}/mid/src/mid.cpp "#include \"gradus/mid.h\"\n#include <fmt/format.h>\n#include \"private.h\"\n")
  file(WRITE ${DIR}/top/src/top.cpp "#include <gradus/low.h>\n#include <gradus/mid.h>\n")
endfunction()

# broken(path text regex): appending the text to the file is found.
function(broken path text regex)
  good_tree()
  file(APPEND ${DIR}/${path} "${text}\n")
  expect("${regex}")
endfunction()

good_tree()
expect("4 files obey the layering")

broken(low/include/gradus/low.h "#include <gradus/mid.h>" "low does not build on mid")
broken(low/include/gradus/low/more.h "  #  include \"gradus/top/x.h\"" "low does not build on top")
broken(mid/src/mid.cpp "#include <gradus/top.h>" "mid does not build on top")
broken(mid/include/gradus/mid.h "#include <gradus/side.h>" "mid does not build on side")
broken(top/src/top.cpp "#include <gradus/gradus.h>" "top does not build on gradus")
broken(mid/src/mid.cpp "#include \"../../low/src/x.h\"" "climbs out")
broken(low/include/gradus/low.h "#include <fmt/format.h>" "must not include fmt/format.h")
broken(low/include/gradus/low.h "#include <Eigen/Core>" "must not include Eigen/Core")
broken(low/include/gradus/low.h "#include <boost/graph/graph_traits.hpp>" "must not include boost")
broken(low/include/gradus/low.h "#include <zlib.h>" "must not include zlib.h")
broken(mid/include/gradus/mid.h "#include \"private.h\"" "must not include private.h")
broken(low/include/gradus/low.h "namespace gradus {}" "declares something outside")
broken(mid/include/gradus/mid.h "namespace gradus {}" "declares something outside")
broken(mid/include/mid.h "" "a public header of mid")
broken(low/CMakeLists.txt "gradus_add_module(NAME low DEPS mid)" "'mid', which is not below")

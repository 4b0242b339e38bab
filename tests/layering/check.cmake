# cmake -DROOT=… -DROOMS="tensor graph …" -P check.cmake: every include in every room obeys the layering.
#   - rooms include only themselves and the rooms below them that they declare;
#   - public headers include nothing else but the standard and the C library, by full name, with the exceptions below;
#   - no include climbs with "..";
#   - what a public header declares stands between GRADUS_EXPORT_BEGIN and GRADUS_EXPORT_END.

cmake_minimum_required(VERSION 3.24)
include(${CMAKE_CURRENT_LIST_DIR}/rooms.cmake)
separate_arguments(ROOMS)
set(errors "")
read_rooms(${ROOT} ${ROOMS})

# Public header : what it may include besides, both as regular expressions.
set(exceptions
  "^gradus/tensor/eigen\\.h$ : ^Eigen/"
  "^gradus/tensor/intrinsics\\.h$ : ^immintrin\\.h$"
  "^gradus/ops/(lambda|lane)\\.h$ : ^Eigen/"
  "^gradus/inspect/boost\\.h$ : ^boost/"
  "^gradus/testing(/.*)?\\.h$ : ^gtest/")

# allowed_outside(result header include)
function(allowed_outside result header include)
  set(${result} FALSE PARENT_SCOPE)
  foreach(exception IN LISTS exceptions)
    string(REGEX MATCH "^(.*) : (.*)$" _ "${exception}")
    set(header_regex "${CMAKE_MATCH_1}")
    set(include_regex "${CMAKE_MATCH_2}")
    if(header MATCHES "${header_regex}" AND include MATCHES "${include_regex}")
      set(${result} TRUE PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

set(files 0)
foreach(room IN LISTS ROOMS)
  file(GLOB_RECURSE paths RELATIVE ${ROOT} ${ROOT}/${room}/*.h ${ROOT}/${room}/*.cpp)
  foreach(path IN LISTS paths)
    math(EXPR files "${files} + 1")
    set(header "")
    if(path MATCHES "^${room}/include/(.*)$")
      set(header ${CMAKE_MATCH_1})
      if(NOT header MATCHES "^gradus/${room}(/.*)?\\.h$")
        list(APPEND errors "${path}: a public header of ${room} is gradus/${room}.h or gradus/${room}/….h")
      endif()
      file(READ ${ROOT}/${path} text)
      string(FIND "${text}" "\nnamespace " first)
      string(FIND "${text}" "\nnamespace " last REVERSE)
      string(FIND "${text}" "\nGRADUS_EXPORT_BEGIN\n" begin)
      string(FIND "${text}" "\nGRADUS_EXPORT_END\n" end REVERSE)
      if(NOT first EQUAL -1 AND (begin EQUAL -1 OR begin GREATER first OR end LESS last))
        list(APPEND errors "${path}: declares something outside GRADUS_EXPORT_BEGIN … GRADUS_EXPORT_END")
      endif()
    endif()
    file(STRINGS ${ROOT}/${path} lines REGEX "^[ \t]*#[ \t]*include[ \t]*[<\"]")
    foreach(line IN LISTS lines)
      string(REGEX MATCH "[<\"]([^>\"]*)[>\"]" _ "${line}")
      set(include "${CMAKE_MATCH_1}")
      if(include MATCHES "(^|/)\\.\\./")
        list(APPEND errors "${path}: '${include}' climbs out of its folder")
      elseif(include MATCHES "^gradus/([a-z_]+)[./]")
        if(NOT CMAKE_MATCH_1 IN_LIST ${room}_reach)
          list(APPEND errors "${path}: includes ${include}, but ${room} does not build on ${CMAKE_MATCH_1}")
        endif()
      elseif(header AND NOT line MATCHES "<(sys/[a-z_]+\\.h|[a-z_]+)>")
        allowed_outside(allowed ${header} ${include})
        if(NOT allowed)
          list(APPEND errors "${path}: a public header must not include ${include}")
        endif()
      endif()
    endforeach()
  endforeach()
endforeach()

report(errors)
message("${files} files obey the layering")

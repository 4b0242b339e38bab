# cmake -DROOT=… -DROOMS=… -DDIR=scratch -DCXX=compiler -P upward.cmake: with the include folders that come with a
# room's target (DIR/<room>.dirs) the compiler finds no header of a room that it does not build on.

cmake_minimum_required(VERSION 3.24)
include(${CMAKE_CURRENT_LIST_DIR}/rooms.cmake)
separate_arguments(ROOMS)
set(errors "")
read_rooms(${ROOT} ${ROOMS})

# compiles(result room other): a file that includes the first public header of `other`.
function(compiles result room other)
  file(STRINGS ${DIR}/${room}.dirs dirs)
  file(GLOB_RECURSE headers RELATIVE ${ROOT}/${other}/include ${ROOT}/${other}/include/gradus/*.h)
  list(GET headers 0 header)
  set(source ${DIR}/${room}_${other}.cpp)
  file(WRITE ${source} "#include <${header}>\n")
  list(TRANSFORM dirs PREPEND -I)
  execute_process(COMMAND ${CXX} -std=c++20 -M ${dirs} ${source}
                  RESULT_VARIABLE code OUTPUT_QUIET ERROR_VARIABLE message)
  if(code EQUAL 0)
    set(${result} yes PARENT_SCOPE)
  elseif(message MATCHES "fatal error: '?${header}'?.*(No such file|not found)")
    set(${result} no PARENT_SCOPE)
  else()
    set(${result} "an error: ${message}" PARENT_SCOPE)
  endif()
endfunction()

foreach(room IN LISTS ROOMS)
  foreach(other IN LISTS ROOMS)
    file(GLOB_RECURSE headers ${ROOT}/${other}/include/gradus/*.h)
    if(NOT headers OR NOT EXISTS ${DIR}/${room}.dirs)
      continue()
    endif()
    if(other STREQUAL room)  # shows that the test can tell
      set(expected yes)
    elseif(other IN_LIST ${room}_reach)
      continue()
    else()
      set(expected no)
    endif()
    compiles(result ${room} ${other})
    if(NOT result STREQUAL expected)
      list(APPEND errors "${room} includes ${other}: expected ${expected}, got ${result}")
    endif()
  endforeach()
endforeach()

report(errors)

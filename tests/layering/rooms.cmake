# read_rooms(root room…): for each room, from its CMakeLists.txt, sets <room>_reach: itself and the rooms it may
# include, near or far. Rooms are given bottom to top; appends to `errors` where one depends on a room above it.
macro(read_rooms root)
  foreach(room IN ITEMS ${ARGN})
    file(READ ${root}/${room}/CMakeLists.txt text)
    set(${room}_reach ${room})
    if(NOT text MATCHES "gradus_add_module")  # a program may use every room
      set(${room}_reach ${ARGN} gradus)
    elseif(text MATCHES "DEPS[ \n]+([a-z][a-z \n]*)")
      string(REGEX MATCHALL "[a-z]+" deps "${CMAKE_MATCH_1}")
      foreach(dep IN LISTS deps)
        if(DEFINED ${dep}_reach AND NOT dep STREQUAL room)
          list(APPEND ${room}_reach ${${dep}_reach})
        else()
          list(APPEND errors "${room}/CMakeLists.txt: depends on '${dep}', which is not below it")
        endif()
      endforeach()
      list(REMOVE_DUPLICATES ${room}_reach)
    endif()
  endforeach()
endmacro()

# report(list): ends with what is in it, if anything is.
function(report list)
  list(JOIN ${list} "\n" text)
  if(text)
    message(FATAL_ERROR "${text}")
  endif()
endfunction()

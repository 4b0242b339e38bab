# gradus_target_defaults(target): how everything in this repository is compiled.
function(gradus_target_defaults target)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_features(${target} PRIVATE cxx_std_20)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
    -fno-math-errno -fno-trapping-math  # nobody reads errno or floating-point flags: loops vectorise
    $<$<BOOL:${GRADUS_WERROR}>:-Werror>
    $<$<NOT:$<BOOL:${GRADUS_OPENMP_TARGET}>>:-Wno-unknown-pragmas>)
endfunction()

# gradus_compile_quickly(target): for what spends no time in loops of its own, a third less time to compile.
function(gradus_compile_quickly target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

# gradus_precompile(target headers…): reads them once for all sources of a program, by GCC.
function(gradus_precompile target)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    list(TRANSFORM ARGN REPLACE "(.+)" "<\\1>")
    target_precompile_headers(${target} PRIVATE ${ARGN})
    target_compile_options(${target} PRIVATE
      # Said falsely of std::string, once it is precompiled.
      -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread
      # Precompiled, a header forgets which warnings it switched off for its lines (gradus/tensor/intrinsics.h).
      "$<$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>:-Wno-uninitialized;-Wno-maybe-uninitialized>")
  endif()
endfunction()

# gradus_add_module(NAME ops DEPS graph [PUBLIC_LIBS …] [PRIVATE_LIBS …] [EXPORT set])
#
# The library of a room: gradus_<name>, alias gradus::<name>, from src/**.cpp and include/. DEPS names the rooms
# it builds on. A room without sources is an interface library. EXPORT names the set of exported targets it
# belongs to, "gradus" unless given. The property GRADUS_HEADERS lists gradus/<name>.h and those of the rooms below.
function(gradus_add_module)
  cmake_parse_arguments(arg "" "NAME;EXPORT" "DEPS;PUBLIC_LIBS;PRIVATE_LIBS" ${ARGN})
  if(NOT arg_NAME OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "gradus_add_module: NAME missing or unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_EXPORT)
    set(arg_EXPORT gradus)
  endif()
  set(target gradus_${arg_NAME})
  list(TRANSFORM arg_DEPS PREPEND gradus::)
  set(headers gradus/${arg_NAME}.h)
  foreach(room IN LISTS arg_DEPS)
    get_target_property(below ${room} GRADUS_HEADERS)
    list(PREPEND headers ${below})
  endforeach()
  list(REMOVE_DUPLICATES headers)

  file(GLOB_RECURSE sources CONFIGURE_DEPENDS src/*.cpp)
  if(sources)
    set(public PUBLIC)
    add_library(${target} ${sources})
    gradus_target_defaults(${target})
    # Static libraries too go into plugins and shared libraries of a user's.
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_compile_options(${target} PRIVATE -fno-semantic-interposition)  # calls within a library stay direct
    # Eigen's inline functions differ by processor: a program's own must not be taken for those of the library.
    target_compile_definitions(${target} PRIVATE Eigen=gradus_eigen)
    set_target_properties(${target} PROPERTIES
      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
    target_include_directories(${target} PRIVATE src)
    target_link_libraries(${target} PRIVATE ${arg_PRIVATE_LIBS} ${GRADUS_OPENMP_TARGET})
  else()
    set(public INTERFACE)
    add_library(${target} INTERFACE)
  endif()
  add_library(gradus::${arg_NAME} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${arg_NAME} GRADUS_HEADERS "${headers}")

  target_include_directories(${target} ${public}
    $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${target} ${public} cxx_std_20)
  target_compile_definitions(${target} ${public} EIGEN_MPL2_ONLY)
  if(GRADUS_ARCH)
    # For lambdas, whose loops are compiled where they stand. Who uses an installed copy says it for himself.
    target_compile_options(${target} ${public} $<BUILD_INTERFACE:-march=${GRADUS_ARCH}>)
  endif()
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    # For AVX-512 GCC 12 makes {1, 1, 0, 0} to {1, 1, 1, 1} where it copies a constant by 32 or 64 bytes; 14 does not.
    set(version $<CXX_COMPILER_VERSION>)
    set(copies_wrong $<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_GREATER_EQUAL:${version},12>,$<VERSION_LESS:${version},14>>)
    target_compile_options(${target} ${public} $<${copies_wrong}:-mmove-max=128> $<${copies_wrong}:-mstore-max=128>)
  endif()
  target_link_libraries(${target} ${public} ${arg_DEPS} ${arg_PUBLIC_LIBS})

  if(GRADUS_INSTALL)
    install(TARGETS ${target} EXPORT ${arg_EXPORT}-targets LIBRARY COMPONENT gradus_libraries NAMELINK_COMPONENT Unspecified)
    install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} OPTIONAL FILES_MATCHING PATTERN "*.h")
  endif()
endfunction()

# gradus_wide_vectors(sources…): loops that compute more than they move. Compilers take half of AVX-512's registers unless
# told otherwise, which suits loops that wait for memory; sigmoid and softmax take a fifth, silu two thirds longer so.
function(gradus_wide_vectors)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS $<$<CONFIG:Release>:-mprefer-vector-width=512>)
  endif()
endfunction()

# gradus_test_properties(test LABELS … [ENVIRONMENT …]): what every test is given.
function(gradus_test_properties test)
  cmake_parse_arguments(arg "" "LABELS" "ENVIRONMENT" ${ARGN})
  set(shared "")
  if(EXISTS ${GRADUS_SHARED_DIR})
    set(shared ${GRADUS_SHARED_DIR})
  endif()
  # Tests run side by side: a folder for each one's files, two threads each, and idle ones do not spin.
  set(files ${PROJECT_BINARY_DIR}/Testing/${test})
  file(MAKE_DIRECTORY ${files})
  set(environment GRADUS_SHARED_DIR=${shared} GRADUS_SOURCE_DIR=${PROJECT_SOURCE_DIR} TEST_TMPDIR=${files} TMPDIR=${files}
                  OMP_NUM_THREADS=2 OMP_WAIT_POLICY=PASSIVE ${arg_ENVIRONMENT})
  set_tests_properties(${test} PROPERTIES
    LABELS "${arg_LABELS}"
    TIMEOUT 1800  # the thread sanitizer takes its time
    SKIP_RETURN_CODE 77
    ENVIRONMENT "${environment}")
endfunction()

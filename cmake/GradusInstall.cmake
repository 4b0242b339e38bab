include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/gradus)

install(TARGETS gradus_all EXPORT gradus-targets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET gradus)
  install(TARGETS gradus)
endif()

install(EXPORT gradus-targets NAMESPACE gradus:: DESTINATION ${package_dir})
if(TARGET gradus_testing)
  install(EXPORT gradus-testing-targets NAMESPACE gradus:: DESTINATION ${package_dir})
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/gradus-config.cmake.in
                              ${PROJECT_BINARY_DIR}/gradus-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/gradus-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/gradus-config.cmake
              ${PROJECT_BINARY_DIR}/gradus-config-version.cmake
              ${PROJECT_SOURCE_DIR}/cmake/FindDNNL.cmake
        DESTINATION ${package_dir})

# pkg-config: gradus.pc. Static libraries need the others', and compilers that don't use CMake's targets their flags.
file(RELATIVE_PATH pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
set(pc_cflags -DEIGEN_MPL2_ONLY)
list(TRANSFORM GRADUS_ROOMS PREPEND -lgradus_ OUTPUT_VARIABLE pc_libs)
list(REVERSE pc_libs)
set(pc_requires "")
if(NOT BUILD_SHARED_LIBS)
  set(pc_requires ", fmt, zlib, libpng, libjpeg")
  list(APPEND pc_cflags -DGRADUS_STATIC)
  list(APPEND pc_libs ${OpenMP_CXX_FLAGS} ${CMAKE_DL_LIBS})
  list(TRANSFORM pc_libs REPLACE "^([^-].*)" "-l\\1")
  if(GRADUS_DNNL)
    list(APPEND pc_libs -ldnnl)
  endif()
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND CMAKE_CXX_COMPILER_ID STREQUAL GNU
   AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12 AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  list(APPEND pc_cflags -mmove-max=128 -mstore-max=128)  # GradusModule.cmake
endif()
list(JOIN pc_cflags " " pc_cflags)
list(JOIN pc_libs " " pc_libs)
configure_file(${PROJECT_SOURCE_DIR}/cmake/gradus.pc.in ${PROJECT_BINARY_DIR}/gradus.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/gradus.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(PROJECT_IS_TOP_LEVEL)
  include(GradusPackage)
endif()

# An overlay port of the tree that it stands in: vcpkg install gradus --overlay-ports=packaging/vcpkg
cmake_path(SET SOURCE_PATH NORMALIZE ${CMAKE_CURRENT_LIST_DIR}/../../..)
vcpkg_cmake_configure(
  SOURCE_PATH ${SOURCE_PATH}
  OPTIONS
    -DGRADUS_ARCH=
    -DGRADUS_BUILD_TESTS=OFF
    -DGRADUS_BUILD_EXAMPLES=OFF
    -DGRADUS_BUILD_BENCH=OFF
    -DGRADUS_BUILD_CLI=OFF
    -DGRADUS_WITH_DNNL=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/gradus)
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE ${CURRENT_PACKAGES_DIR}/debug/include)

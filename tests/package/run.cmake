# cmake -DSOURCE=… -DBUILD=… -DGENERATOR=… "-DOPTIONS=…" -P run.cmake: configures, builds and tests a consumer.
cmake_minimum_required(VERSION 3.24)
separate_arguments(OPTIONS)
file(REMOVE_RECURSE ${BUILD})
execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${BUILD} -G ${GENERATOR} ${OPTIONS}
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BUILD} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_CTEST_COMMAND} --test-dir ${BUILD} --output-on-failure COMMAND_ERROR_IS_FATAL ANY)

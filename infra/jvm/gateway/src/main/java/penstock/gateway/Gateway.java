package penstock.gateway;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.api.python.shaded.py4j.GatewayServer;

/**
 * The JVM that PyFlink builds a job in, in the place of Flink's own PythonGatewayServer.
 *
 * <p>Whoever connects to py4j's socket can run any code. PyFlink gives no token for it, so that the socket is closed once
 * the job is submitted; the connections of that time go on. This JVM ends with its standard input: Flink's own asks a
 * server in the Python process instead, which would be one more door.
 */
public final class Gateway {
    private static final Door DOOR = new Door();

    private Gateway() {}

    /** Takes connections until {@link #close}. PyFlink reads the port from the file that the environment names. */
    public static void main(String[] arguments) {
        int code = 1;
        try {
            write(Path.of(System.getenv("_PYFLINK_CONN_INFO_PATH")), start());
            while (System.in.read() != -1) {
                continue;
            }
            code = 0;
        } catch (IOException | RuntimeException e) {
            e.printStackTrace();
        } finally {
            System.exit(code);
        }
    }

    /** Returns the port, at this machine's own address. */
    private static int start() {
        GatewayServer server =
                new GatewayServer.GatewayServerBuilder(new ConcurrentHashMap<String, Object>())
                        .javaPort(0)
                        .javaAddress(InetAddress.getLoopbackAddress())
                        .serverSocketFactory(DOOR)
                        .build();
        server.start();
        return server.getListeningPort();
    }

    /** Lets nobody in any more. */
    public static void close() throws IOException {
        DOOR.close();
    }

    private static void write(Path file, int port) throws IOException {
        Path whole = file.resolveSibling(file.getFileName() + ".new");
        Files.write(whole, ByteBuffer.allocate(Integer.BYTES).putInt(port).array());
        Files.move(whole, file, StandardCopyOption.ATOMIC_MOVE);
    }
}

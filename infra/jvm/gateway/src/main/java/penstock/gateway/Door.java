package penstock.gateway;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import javax.net.ServerSocketFactory;

/** Makes server sockets, and can close the last one while its connections go on. */
final class Door extends ServerSocketFactory {
    private ServerSocket open;

    @Override
    public synchronized ServerSocket createServerSocket() throws IOException {
        open = new ServerSocket();
        return open;
    }

    synchronized void close() throws IOException {
        open.close();
    }

    @Override
    public ServerSocket createServerSocket(int port) {
        throw new UnsupportedOperationException("py4j binds its socket itself");
    }

    @Override
    public ServerSocket createServerSocket(int port, int backlog) {
        return createServerSocket(port);
    }

    @Override
    public ServerSocket createServerSocket(int port, int backlog, InetAddress address) {
        return createServerSocket(port);
    }
}

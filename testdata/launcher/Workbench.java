import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

import javax.tools.ToolProvider;

import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's tools, and main classes of our own, all in this JVM: to start one takes longer than what most of them do.
 * Argument: a folder for what is compiled. Prints the port on which it listens.
 *
 * A connection is one call. Asked: how many strings, and the strings, the first of which is the class, or the file that it is
 * in. Answered: the exit code, what was printed, what was complained of. Numbers have four bytes, and stand before what they
 * count.
 */
public final class Workbench {
    /** What a call prints and comes to; the threads that it starts belong to it. */
    private static final class Call {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        final ByteArrayOutputStream err = new ByteArrayOutputStream();
        /** Null until it says how it ends. Tools catch what then ends them here, and print it: that does not count. */
        volatile Integer status = null;
    }

    /** In place of the end of the JVM. */
    private static final class Ended extends RuntimeException {
    }

    private static final InheritableThreadLocal<Call> CALL = new InheritableThreadLocal<>();
    private static final Map<String, Class<?>> COMPILED = new ConcurrentHashMap<>();

    public static void main(String[] args) throws IOException {
        Path folder = Path.of(args[0]);
        try (ServerSocket server = new ServerSocket(0, 64, InetAddress.getLoopbackAddress())) {
            System.out.println(server.getLocalPort());
            System.setOut(new PrintStream(new ToCall(System.out, call -> call.out), true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(new ToCall(System.err, call -> call.err), true, StandardCharsets.UTF_8));
            Exit.setExitProcedure((status, message) -> end(status, message));
            Exit.setHaltProcedure((status, message) -> end(status, message));
            while (true) {
                Socket socket = server.accept();
                new Thread(() -> serve(socket, folder)).start();
            }
        }
    }

    private static void end(int status, String message) {
        if (message != null) {
            System.err.println(message);
        }
        Call call = CALL.get();
        if (call != null && call.status == null) {
            call.status = status;
        }
        throw new Ended();
    }

    private static void serve(Socket socket, Path folder) {
        try (socket; DataInputStream in = new DataInputStream(socket.getInputStream());
                DataOutputStream out = new DataOutputStream(socket.getOutputStream())) {
            String[] asked = new String[in.readInt()];
            for (int i = 0; i < asked.length; i++) {
                asked[i] = new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
            }
            Call call = new Call();
            CALL.set(call);
            run(call, asked, folder);
            out.writeInt(call.status == null ? 0 : call.status);
            for (ByteArrayOutputStream said : new ByteArrayOutputStream[] {call.out, call.err}) {
                out.writeInt(said.size());
                said.writeTo(out);
            }
        } catch (IOException gone) {
            // Whoever has asked is no more.
        }
    }

    private static void run(Call call, String[] asked, Path folder) {
        String[] arguments = java.util.Arrays.copyOfRange(asked, 1, asked.length);
        try {
            Class<?> tool = asked[0].endsWith(".java") ? compiled(asked[0], folder) : Class.forName(asked[0]);
            tool.getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException thrown) {
            fail(call, thrown.getCause());
        } catch (ReflectiveOperationException | IOException failed) {
            fail(call, failed);
        }
    }

    private static void fail(Call call, Throwable why) {
        if (call.status == null) {
            why.printStackTrace();
            call.status = 1;
        }
    }

    private static Class<?> compiled(String file, Path folder) throws IOException, ReflectiveOperationException {
        synchronized (COMPILED) {
            if (!COMPILED.containsKey(file)) {
                Path classes = Files.createTempDirectory(folder, "classes");
                int status = ToolProvider.getSystemJavaCompiler().run(null, System.out, System.err,
                    "-cp", System.getProperty("java.class.path"), "-d", classes.toString(), file);
                if (status != 0) {
                    throw new IOException(file + " cannot be compiled");
                }
                URLClassLoader loader = new URLClassLoader(new URL[] {classes.toUri().toURL()});
                String name = Path.of(file).getFileName().toString().replace(".java", "");
                COMPILED.put(file, loader.loadClass(name));
            }
            return COMPILED.get(file);
        }
    }

    /** What a thread writes goes to the call that it belongs to. */
    private static final class ToCall extends OutputStream {
        private final PrintStream otherwise;
        private final Function<Call, ByteArrayOutputStream> stream;

        ToCall(PrintStream otherwise, Function<Call, ByteArrayOutputStream> stream) {
            this.otherwise = otherwise;
            this.stream = stream;
        }

        @Override
        public void write(int b) {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) {
            Call call = CALL.get();
            if (call == null) {
                otherwise.write(bytes, offset, length);
            } else if (call.status == null) {
                stream.apply(call).write(bytes, offset, length);
            }
        }
    }
}

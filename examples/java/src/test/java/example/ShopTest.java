package example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ten tests at once on one emulator: each has its scenario, its fault, its requests and its webhook. */
class ShopTest {
    private static Emulator emulator;

    @BeforeAll
    static void start() throws Exception {
        emulator = Emulator.start();
    }

    @AfterAll
    static void stop() throws Exception {
        emulator.close();
    }

    @ParameterizedTest(name = "order {0}")
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
    void theAgentBuysTheMugInTheColourThatWasAnswered(int number) throws Exception {
        String colour = "colour-" + number;
        String scenario =
                """
                tasks:
                  - match: mug
                    steps:
                      - thought: Looking for mugs
                      - delay: 3600
                      - question: Which colour?
                      - done: {order: ORDER, colour: "{answer}"}
                """
                        .replace("ORDER", "" + number);
        try (Emulator.World world = emulator.world(scenario);
                Receiver receiver = new Receiver()) {
            world.control("POST", "/faults", "create status=503");

            // The program under test tries once more after a 503, then sends its task.
            String create =
                    "{\"agent_name\": \"agi-0\", \"webhook_url\": \"" + receiver.url() + "\"}";
            assertEquals(503, world.call("POST", "/sessions", create).statusCode());
            HttpResponse<String> created = world.call("POST", "/sessions", create);
            assertEquals(200, created.statusCode());
            String session = "/sessions/" + Emulator.field(created.body(), "session_id");
            say(world, session, "Buy mug " + number);

            // The agent asks; the program answers.
            assertEquals(
                    "Which colour?", Emulator.field(receiver.next("task.question"), "question"));
            say(world, session, colour);
            receiver.next("task.completed");

            // What the agent found is this test's own.
            String messages = world.call("GET", session + "/messages", "").body();
            assertEquals(colour, Emulator.field(messages, "colour"));
            assertTrue(messages.contains("\"order\":" + number), messages);

            // One create was refused, one went through, and nobody else's are here. The answer was sent once.
            String create503 = "{\"method\": \"POST\", \"path\": \"/v1/sessions\", \"status\": 503, \"count\": 1}";
            world.expectRequests(create503);
            world.expectRequests(create503.replace("503", "200"));
            world.expectRequests("{\"json\": {\"message\": \"" + colour + "\"}, \"count\": 1}");
            world.expectRequests("{\"method\": \"DELETE\", \"count\": 0, \"timeout\": 0}");
            world.expectWebhooks(
                    "{\"event\": \"task.completed\", \"outcome\": \"webhook_delivered\", \"count\": 1}");
            world.expectAllPlayed();
        }
    }

    private static void say(Emulator.World world, String session, String text) throws Exception {
        String body = "{\"message\": \"" + text + "\"}";
        assertEquals(200, world.call("POST", session + "/message", body).statusCode());
    }

    /** Takes webhooks. */
    private static final class Receiver implements AutoCloseable {
        private final BlockingQueue<String> bodies = new LinkedBlockingQueue<>();
        private final HttpServer server;

        Receiver() throws Exception {
            server =
                    HttpServer.create(
                            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            server.createContext(
                    "/",
                    exchange -> {
                        byte[] body = exchange.getRequestBody().readAllBytes();
                        bodies.add(new String(body, StandardCharsets.UTF_8));
                        exchange.sendResponseHeaders(204, -1);
                        exchange.close();
                    });
            server.start();
        }

        String url() {
            return "http://127.0.0.1:" + server.getAddress().getPort() + "/hook";
        }

        /** The next webhook of this event. */
        String next(String event) throws InterruptedException {
            for (; ; ) {
                String body = bodies.poll(30, TimeUnit.SECONDS);
                assertNotNull(body, "the webhook " + event + " did not come");
                if (Emulator.field(body, "event").equals(event)) {
                    return body;
                }
            }
        }

        @Override
        public void close() {
            server.stop(0);
        }
    }
}

package example;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A running `sessionwire emulator`, and the worlds of its keys. Standard library only. */
public final class Emulator implements AutoCloseable {
    private static final HttpClient HTTP =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    private final Process process;
    private final String url;
    private final String controlUrl;
    private final String token;

    private Emulator(Process process, String line) {
        this.process = process;
        this.url = field(line, "url");
        this.controlUrl = field(line, "control_url");
        this.token = field(line, "control_token");
    }

    /** Starts the binary that SESSIONWIRE names, or `sessionwire` on the path. */
    public static Emulator start() throws IOException {
        String binary = System.getenv().getOrDefault("SESSIONWIRE", "sessionwire");
        // It ends when its standard input closes: also when this process is killed.
        Process process =
                new ProcessBuilder(
                                binary,
                                "emulator",
                                "--control",
                                "--json",
                                "--browser",
                                "builtin",
                                "--end-with-stdin")
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        // The first line says where it listens.
        String line =
                new BufferedReader(
                                new InputStreamReader(
                                        process.getInputStream(), StandardCharsets.UTF_8))
                        .readLine();
        if (line == null) {
            throw new IOException("The emulator did not start; its error output says why");
        }
        return new Emulator(process, line);
    }

    /** What belongs to a new key: the world of one test, which fails where a task fits no entry of the scenario. */
    public World world(String scenario) throws Exception {
        String options = "{\"clock\": \"fast\", \"unmatched\": \"error\"}";
        String made = checked("POST", "/worlds", send("POST", controlUrl + "/worlds", token, null, options));
        World world = new World(field(made, "key"));
        world.control("PUT", "/scenario", scenario);
        return world;
    }

    @Override
    public void close() throws IOException, InterruptedException {
        process.getOutputStream().close();
        process.waitFor();
    }

    /** Scenario, faults, requests and webhooks of one API key. */
    public final class World implements AutoCloseable {
        private final String key;

        private World(String key) {
            this.key = key;
        }

        /** A request to the control API; gives what it answered. */
        public String control(String method, String path, String body) throws Exception {
            return checked(method, path, send(method, controlUrl + path, token, key, body));
        }

        /** Fails unless requests came that fit the filter, as many as its `count` says. */
        public void expectRequests(String filter) throws Exception {
            control("POST", "/requests/wait", filter);
        }

        /** The same of webhooks. */
        public void expectWebhooks(String filter) throws Exception {
            control("POST", "/webhooks/wait", filter);
        }

        /** For the end of a test: fails where a task fitted no entry, or a fault or a `once` entry was never needed. */
        public void expectAllPlayed() throws Exception {
            String left = control("GET", "/unplayed", "");
            if (!left.equals("{\"unmatched\":[],\"unused\":[]}")) {
                throw new AssertionError(left + "\n" + control("GET", "/timeline?format=text", ""));
            }
        }

        /** A request to the service, as the program under test sends it. */
        public HttpResponse<String> call(String method, String path, String body) throws Exception {
            return send(method, url + "/v1" + path, key, null, body);
        }

        @Override
        public void close() throws Exception {
            control("DELETE", "/world", "");
        }
    }

    private static String checked(String method, String path, HttpResponse<String> answer) {
        if (answer.statusCode() >= 300) {
            String detail = field(answer.body(), "detail").replace("\\n", "\n").replace("\\\"", "\"");
            throw new AssertionError(method + " " + path + ": " + answer.statusCode() + " " + detail);
        }
        return answer.body();
    }

    private static HttpResponse<String> send(
            String method, String url, String bearer, String key, String body) throws Exception {
        HttpRequest.Builder request =
                HttpRequest.newBuilder(URI.create(url))
                        .timeout(Duration.ofSeconds(30))
                        .header("Authorization", "Bearer " + bearer)
                        .header("Content-Type", "application/json")
                        .method(method, BodyPublishers.ofString(body));
        if (key != null) {
            request.header("X-Emulator-Key", key);
        }
        return HTTP.send(request.build(), BodyHandlers.ofString());
    }

    /** The text of a field in JSON: enough for ids and keys. A project of yours has a JSON library. */
    public static String field(String json, String name) {
        Matcher matcher =
                Pattern.compile("\"" + name + "\"\\s*:\\s*\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(json);
        if (!matcher.find()) {
            throw new AssertionError("no " + name + " in " + json);
        }
        return matcher.group(1);
    }
}

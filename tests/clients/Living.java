// An application that lives on: each line on standard input is a file that the answer to one POST goes to, over a connection
// of its own, and the status to standard output; the line "reload" makes it look at the token anew.
//   java Living CONFIG CA.pem URL FORM
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.security.Provider;
import java.security.Security;

public class Living {
  public static void main(String[] args) throws Exception {
    Provider provider = Security.getProvider("SunPKCS11").configure(args[0]);
    Security.addProvider(provider);
    HttpClient client = client(provider, args[1]);
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (line.equals("reload")) {
        client = client(provider, args[1]);
        System.out.println("reloaded");
      } else {
        System.out.println(post(client, args[2], args[3], Path.of(line)));
      }
    }
  }

  // A key store, key managers, a context and a client that know the token as it is now.
  private static HttpClient client(Provider provider, String ca) throws Exception {
    return HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).sslContext(Client.context(provider, ca)).build();
  }

  private static String post(HttpClient client, String url, String form, Path body) throws InterruptedException {
    HttpRequest request = HttpRequest.newBuilder(URI.create(url)).header("Content-Type", "application/x-www-form-urlencoded")
        .header("Connection", "close").POST(HttpRequest.BodyPublishers.ofString(form)).build();
    try {
      return String.valueOf(client.send(request, HttpResponse.BodyHandlers.ofFile(body)).statusCode());
    } catch (IOException e) {
      e.printStackTrace();
      return "000";
    }
  }
}

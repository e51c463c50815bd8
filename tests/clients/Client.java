// One HTTPS request with the client key of a PKCS#11 token, as an application on the JDK alone would make it:
//   java Client CONFIG first|last CA.pem POST URL FORM-FILE BODY-FILE
//   java Client CONFIG first|last CA.pem GET URL HEADER-FILE BODY-FILE
// Prints the status.
import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.Provider;
import java.security.Security;
import java.security.cert.CertificateFactory;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Client {
  public static void main(String[] args) throws Exception {
    Provider provider = Security.getProvider("SunPKCS11").configure(args[0]);
    if (args[1].equals("first")) {
      Security.insertProviderAt(provider, 1);
    } else {
      Security.addProvider(provider);
    }
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).sslContext(context(provider, args[2])).build();
    HttpResponse<byte[]> answer = client.send(request(args[3], args[4], Files.readString(Path.of(args[5]))),
        HttpResponse.BodyHandlers.ofByteArray());
    Path body = Path.of(args[6]);
    if (!Files.exists(body) || Files.isRegularFile(body)) {
      Files.write(body, answer.body());
    }
    System.out.print(answer.statusCode());
  }

  static SSLContext context(Provider provider, String ca) throws Exception {
    KeyStore keys = KeyStore.getInstance("PKCS11", provider);
    keys.load(null, null); // no PIN: the token wants none
    if (!keys.isKeyEntry("web")) {
      throw new IllegalStateException("no key entry web: certificate and key were not paired");
    }
    // The default, SunX509. PKIX would keep the certificate back from a server that accepts PSS only, because the
    // certificate's own signature (by its issuer) is PKCS#1.
    KeyManagerFactory keyManagers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keyManagers.init(keys, null);
    KeyStore trust = KeyStore.getInstance("PKCS12");
    trust.load(null, null);
    try (FileInputStream in = new FileInputStream(ca)) {
      trust.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory trustManagers = TrustManagerFactory.getInstance("PKIX");
    trustManagers.init(trust);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keyManagers.getKeyManagers(), trustManagers.getTrustManagers(), null);
    return context;
  }

  private static HttpRequest request(String method, String url, String text) {
    HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(url));
    if (method.equals("POST")) {
      return builder.header("Content-Type", "application/x-www-form-urlencoded")
          .POST(HttpRequest.BodyPublishers.ofString(text)).build();
    }
    String[] header = text.strip().split(": ", 2);
    return builder.header(header[0], header[1]).build();
  }
}

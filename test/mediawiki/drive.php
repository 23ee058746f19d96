<?php
// Runs steps against an object cache with MediaWiki's own classes, without a wiki. Standard input is one JSON object:
// { "root": folder of MediaWiki, "config": PHP that fills $wgObjectCaches, "cache": its name, "steps": [[method, key parts,
// argument...]...] }. Prints one JSON line per step: [result, last error, how many lines were logged].
error_reporting( E_ALL & ~E_DEPRECATED );
$job = json_decode( stream_get_contents( STDIN ), true );
define( 'MEDIAWIKI', true );
$wgAutoloadClasses = [];
require $job['root'] . '/vendor/autoload.php';
require $job['root'] . '/autoload.php';
spl_autoload_register( static function ( $class ) use ( $job ) {
	global $wgAutoloadLocalClasses;
	if ( isset( $wgAutoloadLocalClasses[$class] ) ) {
		require $wgAutoloadLocalClasses[$class];
	}
} );

class Lines extends Psr\Log\AbstractLogger {
	public array $seen = [];

	public function log( $level, $message, array $context = [] ) {
		if ( $level !== 'debug' ) {
			$this->seen[] = $message;
		}
	}
}

eval( $job['config'] );
$parameters = $wgObjectCaches[$job['cache']];
$class = $parameters['class'];
$log = new Lines;
$cache = new $class( $parameters + [ 'keyspace' => 'enwiki', 'logger' => $log ] );
foreach ( $job['steps'] as [ $method, $key, $arguments ] ) {
	$log->seen = [];
	$cache->clearLastError();
	$result = $cache->$method( $cache->makeKey( ...$key ), ...$arguments );
	echo json_encode( [ $result, $cache->getLastError(), count( $log->seen ) ] ), "\n";
}
